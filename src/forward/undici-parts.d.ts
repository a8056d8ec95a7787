/**
 * The parts of undici that the gateway uses, by their own files: its entry loads fetch, WebSocket, mocks and caches as
 * well, which is a fifth of what a start would load.
 */
declare module 'undici/lib/dispatcher/agent.js' {
  import { Agent } from 'undici';
  export default Agent;
}

declare module 'undici/lib/core/errors.js' {
  import { errors } from 'undici';
  export default errors;
}
