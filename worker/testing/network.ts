import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';

/** What lies between a process and the database, and can fail: connections break, or nothing arrives any more. */
export class Network {
  /** Where the database listens now. */
  target: number;
  #isBlack = false;
  #isCut = false;
  readonly #sockets = new Set<Socket>();
  readonly #server: Server;

  constructor(target: number) {
    this.target = target;
    this.#server = createServer((near) => {
      if (this.#isCut) return void near.destroy();
      const far = connect(this.target, '127.0.0.1');
      for (const [from, to] of [
        [near, far],
        [far, near],
      ] as const) {
        this.#sockets.add(from);
        from.setNoDelay(true);
        from.on('data', (bytes) => to.write(bytes));
        from.on('error', () => {});
        from.on('close', () => {
          this.#sockets.delete(from);
          to.destroy();
        });
        if (this.#isBlack) from.pause();
      }
    });
  }

  async listen(): Promise<number> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    return (this.#server.address() as AddressInfo).port;
  }

  /** Every connection breaks, whatever was on its way, and none can be made. */
  cut(): void {
    this.#isCut = true;
    this.#break();
  }

  /** Connections stand and can be made, and nothing comes through. */
  swallow(): void {
    this.#isBlack = true;
    for (const socket of this.#sockets) socket.pause();
  }

  /** What was held back comes through after all, or is lost with its connection. */
  heal({ isLost }: { isLost: boolean }): void {
    this.#isCut = false;
    this.#isBlack = false;
    if (isLost) this.#break();
    for (const socket of this.#sockets) socket.resume();
  }

  async close(): Promise<void> {
    this.#break();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #break(): void {
    for (const socket of this.#sockets) socket.destroy();
  }
}
