import { IncomingMessage } from 'node:http';

/**
 * A request that says when somebody asks for its body for the first time. `100 Continue` is sent then and not before:
 * by that time the head has been judged, whoever reads the body and however.
 */
export class DataRequest extends IncomingMessage {
  #beforeFirstRead: (() => void) | null = null;

  onFirstRead(action: () => void): void {
    this.#beforeFirstRead = action;
  }

  override _read(size: number): void {
    const action = this.#beforeFirstRead;
    this.#beforeFirstRead = null;
    action?.();
    super._read(size);
  }
}
