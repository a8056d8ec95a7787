import { rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { GatewayProcess } from '../support/gateway-process.ts';

/** Between two changes of files, as often as the gateway looks. */
const CHANGE_EVERY_MS = 1_000;

/** The policy of the soak; versions differ in a rule that no request meets. */
export function soakPolicy(version: number): string {
  return `version: "1"
rules:
  - {name: version-${version % 5}, match: {type: none}, conditions: {param_eq: {version: ${version}}}, risk_level: low, approval: auto}
  - {name: no-deletes, match: {type: delete}, risk_level: high, approval: block}
  - {name: no-evil, conditions: {param_matches: {note: "(e+v+)+il$"}}, risk_level: high, approval: block}
  - {name: small-amounts, conditions: {when: '"amount" in action.params && action.params.amount > 1000'}, risk_level: high, approval: block}
  - {name: desk, match: {type: create}, conditions: {param_eq: {desk: "1"}}, risk_level: high, approval: {ttl: 5s, wait: 5s}}
  - {name: updates, match: {type: update}, conditions: {when: 'request.method == "PATCH"'}, risk_level: high, approval: approve}
  - {name: rest, risk_level: low, approval: auto}
`;
}

/**
 * Changes files of a gateway every second until it is told to stop: now a policy, now a route, which needs another way
 * out, and now and then a file that is wrong and must change nothing.
 */
export class Reloads {
  readonly #gateway: GatewayProcess;
  readonly #config: (extraRoute: number) => string;
  readonly #running: Promise<void>;
  #stopped = false;
  #changes = 0;

  /** `config` is the text of gateway.yaml with another route in it for each number. */
  constructor(gateway: GatewayProcess, config: (extraRoute: number) => string) {
    this.#gateway = gateway;
    this.#config = config;
    this.#running = this.#run();
  }

  /** Leaves valid files behind; how often they were changed. */
  async stop(): Promise<number> {
    this.#stopped = true;
    await this.#running;
    await this.#put('policy.yaml', soakPolicy(0));
    await this.#put('gateway.yaml', this.#config(0));
    return this.#changes;
  }

  async #run(): Promise<void> {
    while (!this.#stopped) {
      this.#changes += 1;
      await this.#change(this.#changes);
      await sleep(CHANGE_EVERY_MS);
    }
  }

  async #change(number: number): Promise<void> {
    if (number % 11 === 0) return await this.#put('gateway.yaml', `${this.#config(number)}\nno such key: 1\n`);
    if (number % 7 === 0) return await this.#put('policy.yaml', 'version: "1"\nrules: [{name: 7');
    if (number % 2 === 0) return await this.#put('gateway.yaml', this.#config(number));
    await this.#put('policy.yaml', soakPolicy(number));
  }

  /** As a whole, as the link of a ConfigMap volume does it. */
  async #put(name: string, text: string): Promise<void> {
    const file = join(this.#gateway.folder, name);
    await writeFile(`${file}.new`, text);
    await rename(`${file}.new`, file);
  }
}
