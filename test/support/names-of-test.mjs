/**
 * Loaded into a gateway under test before anything else: every name under `.test` (RFC 6761 section 6.2) is this machine,
 * as a resolver of the test's own would answer. Some clients never send loopback names or addresses to a proxy.
 */
import dns from 'node:dns/promises';
import { syncBuiltinESMExports } from 'node:module';

const { lookup } = dns;
dns.lookup = async (name, options) =>
  name.endsWith('.test') ? [{ address: '127.0.0.1', family: 4 }] : await lookup(name, options);
syncBuiltinESMExports();
