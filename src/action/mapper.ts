import type { Actions } from '../model/action.ts';
import type { Outcome } from '../model/fault.ts';
import type { Content, RequestFacts } from './facts.ts';

/** What every mapper gets: a request whose parts are parsed, what could be read of its body, and who sent it. */
export interface MapperInput {
  readonly facts: RequestFacts;
  readonly content: Content;
  readonly agentId: string;
}

/** Makes actions of a request: the default mapping, a map entry, later MCP, GraphQL and OpenAPI. */
export type Mapper = (input: MapperInput) => Outcome<Actions>;
