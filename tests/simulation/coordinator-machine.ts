import { pino } from "pino";
import { Coordinator } from "../../coordinator/index.ts";
import type { Federation } from "../../protocol/index.ts";
import { Machine } from "./machine.ts";
import type { Host } from "./virtual-time.ts";

export class CoordinatorMachine extends Machine {
  #coordinator: Coordinator | null = null;

  protected run(host: Host, federation: Federation): void {
    const coordinator = new Coordinator({ identity: this.identity, federation, log: pino({ enabled: false }) });
    this.#coordinator = coordinator;
    this.around.network.listen(host, (socket) => void coordinator.admit(socket, socket.carrier));
  }

  protected async close(): Promise<void> {
    await this.#coordinator?.close();
  }

  protected release(): () => void {
    this.#coordinator = null;
    return () => undefined;
  }
}
