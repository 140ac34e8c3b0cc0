;; The first rule in common of three vectors, for up to 64 questions (lane-search.ts). A vector, in lane-vectors.ts, is a line of 64 bytes that begins with a
;; summary, one bit for each line behind it, lowest first; then the lines, a bit for each rule, the highest of a word first. No line is read that one of the summaries lacks.
;; `lanes` has byte offsets of vectors: at 0 of the local end, at 256 of the peer's address, at 512 of the service, at 1024 of the peer's groups. Answers, at 768: positions, -1 for none.
(module
  (import "classifier" "memory" (memory $words 1 65536 shared))
  (memory $lanes (export "lanes") 1 1)
  ;; No rule in sight names groups of peers.
  (func (export "addresses") (param $n i32)
    (local $i i32) (local $l i32) (local $p i32) (local $s i32) (local $at i32) (local $found i32) (local $left i32)
    (local $a v128) (local $b v128) (local $c v128) (local $d v128)
    (local.set $n (i32.shl (local.get $n) (i32.const 2)))
    (loop $next
      (local.set $l (i32.load $lanes (local.get $i)))
      (local.set $p (i32.load $lanes offset=256 (local.get $i)))
      (local.set $s (i32.load $lanes offset=512 (local.get $i)))
      (local.set $found (i32.const -1))
      (local.set $left (i32.and (i32.and (i32.load (local.get $l)) (i32.load (local.get $s))) (i32.load (local.get $p))))
      (block $done
        (br_if $done (i32.eqz (local.get $left)))
        (loop $line
          (local.set $at (i32.shl (i32.ctz (local.get $left)) (i32.const 6)))
          (local.set $a (v128.and (v128.and (v128.load offset=64 (i32.add (local.get $l) (local.get $at))) (v128.load offset=64 (i32.add (local.get $s) (local.get $at)))) (v128.load offset=64 (i32.add (local.get $p) (local.get $at)))))
          (local.set $b (v128.and (v128.and (v128.load offset=80 (i32.add (local.get $l) (local.get $at))) (v128.load offset=80 (i32.add (local.get $s) (local.get $at)))) (v128.load offset=80 (i32.add (local.get $p) (local.get $at)))))
          (local.set $c (v128.and (v128.and (v128.load offset=96 (i32.add (local.get $l) (local.get $at))) (v128.load offset=96 (i32.add (local.get $s) (local.get $at)))) (v128.load offset=96 (i32.add (local.get $p) (local.get $at)))))
          (local.set $d (v128.and (v128.and (v128.load offset=112 (i32.add (local.get $l) (local.get $at))) (v128.load offset=112 (i32.add (local.get $s) (local.get $at)))) (v128.load offset=112 (i32.add (local.get $p) (local.get $at)))))
          (if (v128.any_true (v128.or (v128.or (local.get $a) (local.get $b)) (v128.or (local.get $c) (local.get $d))))
            (then
              (local.set $at (i32.add (local.get $at) (i32.shl (i32.ctz
                (i32.or (i32.or (i32x4.bitmask (i32x4.ne (local.get $a) (v128.const i32x4 0 0 0 0))) (i32.shl (i32x4.bitmask (i32x4.ne (local.get $b) (v128.const i32x4 0 0 0 0))) (i32.const 4)))
                  (i32.or (i32.shl (i32x4.bitmask (i32x4.ne (local.get $c) (v128.const i32x4 0 0 0 0))) (i32.const 8)) (i32.shl (i32x4.bitmask (i32x4.ne (local.get $d) (v128.const i32x4 0 0 0 0))) (i32.const 12))))) (i32.const 2))))
              (local.set $found (i32.add (i32.shl (local.get $at) (i32.const 3)) (i32.clz (i32.and (i32.and (i32.load offset=64 (i32.add (local.get $l) (local.get $at))) (i32.load offset=64 (i32.add (local.get $s) (local.get $at)))) (i32.load offset=64 (i32.add (local.get $p) (local.get $at)))))))
              (br $done)))
          (br_if $line (local.tee $left (i32.and (local.get $left) (i32.sub (local.get $left) (i32.const 1)))))))
      (i32.store $lanes offset=768 (local.get $i) (local.get $found))
      (local.set $i (i32.add (local.get $i) (i32.const 4)))
      (br_if $next (i32.lt_u (local.get $i) (local.get $n)))))
  ;; A peer is meant by its address or by its groups.
  (func (export "groups") (param $n i32)
    (local $i i32) (local $l i32) (local $p i32) (local $s i32) (local $g i32) (local $at i32) (local $found i32) (local $left i32)
    (local $a v128) (local $b v128) (local $c v128) (local $d v128)
    (local.set $n (i32.shl (local.get $n) (i32.const 2)))
    (loop $next
      (local.set $l (i32.load $lanes (local.get $i)))
      (local.set $p (i32.load $lanes offset=256 (local.get $i)))
      (local.set $s (i32.load $lanes offset=512 (local.get $i)))
      (local.set $g (i32.load $lanes offset=1024 (local.get $i)))
      (local.set $found (i32.const -1))
      (local.set $left (i32.and (i32.and (i32.load (local.get $l)) (i32.load (local.get $s))) (i32.or (i32.load (local.get $p)) (i32.load (local.get $g)))))
      (block $done
        (br_if $done (i32.eqz (local.get $left)))
        (loop $line
          (local.set $at (i32.shl (i32.ctz (local.get $left)) (i32.const 6)))
          (local.set $a (v128.and (v128.and (v128.load offset=64 (i32.add (local.get $l) (local.get $at))) (v128.load offset=64 (i32.add (local.get $s) (local.get $at)))) (v128.or (v128.load offset=64 (i32.add (local.get $p) (local.get $at))) (v128.load offset=64 (i32.add (local.get $g) (local.get $at))))))
          (local.set $b (v128.and (v128.and (v128.load offset=80 (i32.add (local.get $l) (local.get $at))) (v128.load offset=80 (i32.add (local.get $s) (local.get $at)))) (v128.or (v128.load offset=80 (i32.add (local.get $p) (local.get $at))) (v128.load offset=80 (i32.add (local.get $g) (local.get $at))))))
          (local.set $c (v128.and (v128.and (v128.load offset=96 (i32.add (local.get $l) (local.get $at))) (v128.load offset=96 (i32.add (local.get $s) (local.get $at)))) (v128.or (v128.load offset=96 (i32.add (local.get $p) (local.get $at))) (v128.load offset=96 (i32.add (local.get $g) (local.get $at))))))
          (local.set $d (v128.and (v128.and (v128.load offset=112 (i32.add (local.get $l) (local.get $at))) (v128.load offset=112 (i32.add (local.get $s) (local.get $at)))) (v128.or (v128.load offset=112 (i32.add (local.get $p) (local.get $at))) (v128.load offset=112 (i32.add (local.get $g) (local.get $at))))))
          (if (v128.any_true (v128.or (v128.or (local.get $a) (local.get $b)) (v128.or (local.get $c) (local.get $d))))
            (then
              (local.set $at (i32.add (local.get $at) (i32.shl (i32.ctz
                (i32.or (i32.or (i32x4.bitmask (i32x4.ne (local.get $a) (v128.const i32x4 0 0 0 0))) (i32.shl (i32x4.bitmask (i32x4.ne (local.get $b) (v128.const i32x4 0 0 0 0))) (i32.const 4)))
                  (i32.or (i32.shl (i32x4.bitmask (i32x4.ne (local.get $c) (v128.const i32x4 0 0 0 0))) (i32.const 8)) (i32.shl (i32x4.bitmask (i32x4.ne (local.get $d) (v128.const i32x4 0 0 0 0))) (i32.const 12))))) (i32.const 2))))
              (local.set $found (i32.add (i32.shl (local.get $at) (i32.const 3)) (i32.clz (i32.and (i32.and (i32.load offset=64 (i32.add (local.get $l) (local.get $at))) (i32.load offset=64 (i32.add (local.get $s) (local.get $at)))) (i32.or (i32.load offset=64 (i32.add (local.get $p) (local.get $at))) (i32.load offset=64 (i32.add (local.get $g) (local.get $at))))))))
              (br $done)))
          (br_if $line (local.tee $left (i32.and (local.get $left) (i32.sub (local.get $left) (i32.const 1)))))))
      (i32.store $lanes offset=768 (local.get $i) (local.get $found))
      (local.set $i (i32.add (local.get $i) (i32.const 4)))
      (br_if $next (i32.lt_u (local.get $i) (local.get $n))))))
