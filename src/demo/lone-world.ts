import { WeirError } from '../base/errors.ts';
import { Api } from './api.ts';
import { ControllerProcess } from './controller.ts';
import { type Ground, openGround, World, type WorldOptions } from './world.ts';

/** One controller. */
export class LoneWorld extends World {
  readonly controller: ControllerProcess;
  #api: Api | undefined;

  private constructor(ground: Ground) {
    super(ground);
    this.controller = new ControllerProcess({ directory: ground.directory, switchAddress: ground.lab.gatewayAddress });
  }

  /** The controller is not started yet. */
  static async open(options: WorldOptions): Promise<LoneWorld> {
    return new LoneWorld(await openGround(options));
  }

  override get api(): Api {
    if (!this.#api) throw new WeirError('not-started', 'the controller was never started');
    return this.#api;
  }

  override get controllers(): ReadonlyMap<string, ControllerProcess> {
    return new Map([['weir', this.controller]]);
  }

  async startController(): Promise<void> {
    await this.startControllers([this.controller]);
    this.#api = new Api(this.controller.addresses.api);
  }
}
