import { createHmac } from 'node:crypto';
import { loadActionMap } from './action/load.ts';
import type { ActionMap } from './action/action-map.ts';
import type { Config } from './config/schema.ts';
import { coversTunnel } from './config/tunnel-host.ts';
import { readTexts, type TextFile } from './config/watcher.ts';
import type { Loaded, Mistake } from './document/mistake.ts';
import type { World } from './judgement.ts';
import type { EnforcementLevel } from './model/decision.ts';
import type { Upstream } from './model/ports.ts';
import { loadPolicy as loadPolicyFile } from './policy/load.ts';
import { createPolicySet, type PolicySet } from './policy/policy-set.ts';
import { createRedactor } from './redaction/redact.ts';
import { upstreamOf, type RouteSettings } from './request/route.ts';

/** The files of a configuration, loaded. */
export interface Parts {
  readonly policy: PolicySet;
  readonly actions: ActionMap;
}

/** What decides when a configuration names no files of its own. */
export interface BuiltIn {
  readonly policy: TextFile;
  readonly actions: TextFile;
}

/** Loads policies and action maps of a configuration; the mistakes of all files together. */
export async function loadParts(config: Config, builtIn: BuiltIn | null): Promise<Loaded<Parts>> {
  const [policy, actions] = await Promise.all([loadPolicy(config, builtIn), loadActions(config, builtIn)]);
  if (policy.ok && actions.ok) return { ok: true, value: { policy: policy.value, actions: actions.value } };
  return { ok: false, mistakes: [...mistakesOf(policy), ...mistakesOf(actions)] };
}

/** Loads the policies of a configuration. */
export async function loadPolicy({ policy }: Config, builtIn: BuiltIn | null): Promise<Loaded<PolicySet>> {
  const { baseline, files } = policy;
  const read = await readTexts(baseline === undefined ? files : [baseline, ...files]);
  const texts = builtIn === null ? read : { ok: true as const, value: [builtIn.policy] };
  if (!texts.ok) return texts;
  const loaded = texts.value.map(({ text, file }) => loadPolicyFile(text, file));
  const mistakes = loaded.flatMap(mistakesOf);
  if (mistakes.length > 0) return { ok: false, mistakes };
  const policies = loaded.flatMap((one) => (one.ok ? [one.value] : []));
  const [first = null, ...rest] = policies;
  return { ok: true, value: baseline === undefined ? createPolicySet(null, policies) : createPolicySet(first, rest) };
}

/** Loads the action maps of a configuration. */
export async function loadActions({ actions }: Config, builtIn: BuiltIn | null): Promise<Loaded<ActionMap>> {
  if (builtIn !== null) return loadActionMap([builtIn.actions]);
  const texts = await readTexts(actions.files);
  return texts.ok ? loadActionMap(texts.value) : texts;
}

function mistakesOf(loaded: Loaded<unknown>): readonly Mistake[] {
  return loaded.ok ? [] : loaded.mistakes;
}

/** What a world is made of beside its files. */
export interface WorldGiven {
  readonly upstream: Upstream;
  /** Keys the digests that stand for secrets. */
  readonly redactionKey: Uint8Array;
  readonly enforcement: EnforcementLevel;
}

/** Puts one version of the world together. */
export function buildWorld(config: Config, { policy, actions }: Parts, given: WorldGiven): World {
  const { limits, agent, routes } = config;
  return {
    policy,
    actions,
    request: {
      routes: requestRoutes(config),
      maxUrlBytes: limits.url,
      maxHeaderCount: limits.header_count,
      maxHeaderBytes: limits.headers,
      tunnels: (host, port) => coversTunnel(config.tunnel, host, port),
    },
    body: { limitBytes: limits.body, routeLimitBytes: routeLimits(config) },
    redactor: createRedactor({ digest: keyedDigest(given.redactionKey), extraKeys: config.redaction.keys }),
    upstream: given.upstream,
    agent: { id: agent.id, namespace: agent.namespace, serviceAccount: agent.service_account, pod: agent.pod },
    enforcement: given.enforcement,
    keyedRoutes: new Set(Object.keys(routes).filter((name) => routes[name]?.idempotency_key === true)),
  };
}

/** The routes as reading a request needs them. Throws when a URL is in a spelling that no request could have. */
export function requestRoutes({ routes }: Config): ReadonlyMap<string, RouteSettings> {
  return new Map(
    Object.entries(routes).map(([name, { upstream }]) => {
      const settings = upstreamOf(upstream);
      if (!settings.ok) throw new Error(`route ${name}: ${settings.fault.detail}`);
      return [name, { upstream: settings.value }];
    }),
  );
}

function routeLimits({ routes }: Config): ReadonlyMap<string, number> {
  const limits = new Map<string, number>();
  for (const [name, { body_limit: limit }] of Object.entries(routes)) if (limit !== undefined) limits.set(name, limit);
  return limits;
}

function keyedDigest(key: Uint8Array): (text: string) => string {
  return (text) => createHmac('sha256', key).update(text).digest('hex');
}
