import type { Host } from '../model/brand.ts';
import { failed, passed, type Outcome } from '../model/fault.ts';
import { TUNNEL_METHOD, type CanonicalRequest, type Framing, type RawHead } from '../model/request.ts';
import { readFields, type FieldLimits, type Fields } from './fields.ts';
import { readFraming } from './framing.ts';
import { parseAuthority, type Authority } from './host.ts';

/** Says which hosts are carried without being opened. */
export type TunnelHosts = (host: Host, port: number) => boolean;

const WITH_PORT = /:[^:\]]*$/u;

/**
 * Reads where a CONNECT goes (RFC 9110 section 9.3.6): host and port, and a Host field that says the same, if there is
 * one. It has no content: whatever follows it is the other protocol. Faults: connect-unsupported, bad-host,
 * conflicting-host, conflicting-framing, and those of header fields.
 */
export function readConnect(head: RawHead, limits: FieldLimits): Outcome<Authority> {
  if (head.secure || head.tunnelAuthority !== null)
    return failed('connect-unsupported', 'expected CONNECT directly on the data port, found it inside a tunnel');
  const fields = readFields(head.rawHeaders, limits);
  if (!fields.ok) return fields;
  const framing = readFraming(fields.value, head.httpVersion);
  if (!framing.ok) return framing;
  if (hasContent(framing.value))
    return failed('conflicting-framing', 'expected CONNECT without a body (RFC 9110 section 9.3.6)');
  if (!WITH_PORT.test(head.target)) return failed('bad-host', 'expected HOST:PORT after CONNECT, found no port');
  const authority = parseAuthority(head.target, 0);
  if (!authority.ok) return authority;
  return hostDisagreement(fields.value, authority.value) ?? authority;
}

function hasContent(framing: Framing): boolean {
  return framing.kind === 'chunked' || (framing.kind === 'length' && framing.bytes > 0);
}

/** Clients leave the port out of Host where it is 443, so only what is written has to agree. */
function hostDisagreement(fields: Fields, { host, port }: Authority): Outcome<never> | null {
  const text = fields.get('host');
  if (text === null) return null;
  const own = parseAuthority(text, port);
  if (!own.ok) return own;
  if (own.value.host === host && own.value.port === port) return null;
  return failed('conflicting-host', 'expected Host to name the same host and port as CONNECT');
}

/**
 * A tunnel as policy judges it: its destination is all there is. Faults: those of `readConnect`; connect-unsupported for
 * a host whose TLS is opened, since no policy about tunnels may let pass what is to be judged request by request.
 */
export function canonicalTunnel(
  head: RawHead,
  settings: FieldLimits & { readonly tunnels: TunnelHosts },
): Outcome<CanonicalRequest> {
  const authority = readConnect(head, settings);
  if (!authority.ok) return authority;
  const { host, port } = authority.value;
  if (!settings.tunnels(host, port) || (head.entry !== 'connect' && head.entry !== 'captured'))
    return failed('connect-unsupported', 'expected a host that is listed under tunnel');
  return passed({
    entry: head.entry,
    route: null,
    method: TUNNEL_METHOD,
    destination: { scheme: 'https', host, port },
    path: '',
    query: null,
    headers: [],
    framing: { kind: 'none' },
    contentType: null,
    contentCodings: [],
    upgrade: null,
    expectsContinue: false,
  });
}
