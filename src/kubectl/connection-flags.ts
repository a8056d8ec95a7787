import { Option, type Command } from 'commander';

/** A flag of kubectl that says which API server is asked, as whom and how. */
interface ConnectionFlag {
  readonly name: string;
  readonly short?: string;
  /** What stands for the value in the help; null for a flag that is true when it is there. */
  readonly value: string | null;
  readonly repeated?: true;
  readonly help: string;
}

/** The flags that kubectl has for every command, but for those about its own logs and profiles. */
const FLAGS: readonly ConnectionFlag[] = [
  { name: 'namespace', short: 'n', value: 'name', help: 'the namespace (default: that of the context)' },
  { name: 'context', value: 'name', help: 'the context of the kubeconfig' },
  { name: 'kubeconfig', value: 'file', help: 'the kubeconfig (default: KUBECONFIG or ~/.kube/config)' },
  { name: 'cluster', value: 'name', help: 'the cluster of the kubeconfig' },
  { name: 'user', value: 'name', help: 'the user of the kubeconfig' },
  { name: 'as', value: 'user', help: 'impersonate a user' },
  { name: 'as-group', value: 'group', repeated: true, help: 'impersonate a group; may be given several times' },
  { name: 'as-uid', value: 'uid', help: 'impersonate a UID' },
  { name: 'as-user-extra', value: 'key=value', repeated: true, help: 'extra of an impersonated user' },
  { name: 'server', short: 's', value: 'url', help: 'the API server' },
  { name: 'token', value: 'token', help: 'a bearer token' },
  { name: 'username', value: 'name', help: 'a user name for basic authentication' },
  { name: 'password', value: 'password', help: 'a password for basic authentication' },
  { name: 'client-certificate', value: 'file', help: 'a client certificate' },
  { name: 'client-key', value: 'file', help: 'its key' },
  { name: 'certificate-authority', value: 'file', help: 'who vouches for the API server' },
  { name: 'tls-server-name', value: 'name', help: "the name in the API server's certificate" },
  { name: 'insecure-skip-tls-verify', value: null, help: "do not check the API server's certificate" },
  { name: 'disable-compression', value: null, help: 'no compressed answers' },
  { name: 'request-timeout', value: 'time', help: 'how long one call may take, such as 10s' },
  { name: 'cache-dir', value: 'folder', help: "kubectl's cache" },
  { name: 'kuberc', value: 'file', help: "kubectl's preferences" },
  { name: 'match-server-version', value: null, help: 'demand the version of the API server' },
  { name: 'warnings-as-errors', value: null, help: 'a warning of the API server ends the call as an error' },
  { name: 'v', short: 'v', value: 'level', help: 'how much kubectl logs (to the error output)' },
];

/** Adds the flags; like kubectl's own they may stand anywhere in the command line. */
export function addConnectionFlags(program: Command): void {
  for (const { help, name, repeated, short, value } of FLAGS) {
    const long = name === 'v' ? '' : `--${name}`;
    const names = [short === undefined ? '' : `-${short}`, long].filter((text) => text !== '').join(', ');
    const option = new Option(value === null ? names : `${names} <${value}>`, help);
    if (repeated === true) option.argParser(addText);
    program.addOption(option);
  }
}

/**
 * A command line as commander reads it, from one as kubectl does: `-n=agents` is `-nagents` there, and a flag without
 * value may say `=true` or `=false`.
 */
export function asCommander(argv: readonly string[]): readonly string[] {
  const switches = [
    '-A',
    '--all-namespaces',
    ...FLAGS.filter(({ value }) => value === null).map(({ name }) => `--${name}`),
  ];
  return argv.flatMap((argument) => {
    const [name = '', value] = splitOnce(argument);
    if (value === undefined) return [argument];
    if (switches.includes(name)) return value === 'true' ? [name] : value === 'false' ? [] : [argument];
    return /^-[nosv]$/u.test(name) ? [name, value] : [argument];
  });
}

function splitOnce(text: string): readonly string[] {
  const at = text.indexOf('=');
  return at === -1 ? [text] : [text.slice(0, at), text.slice(at + 1)];
}

/** The flags that were given, as kubectl takes them. `without` leaves some out. */
export function connectionFlags(program: Command, without: readonly string[] = []): readonly string[] {
  const given: { readonly [name: string]: unknown } = program.opts();
  return FLAGS.flatMap(({ name, value }) => {
    const found = given[attributeOf(name)];
    if (found === undefined || without.includes(name)) return [];
    const values: readonly unknown[] = Array.isArray(found) ? found : [found];
    return values.map((one) => (value === null ? `--${name}` : `--${name}=${String(one)}`));
  });
}

/** The names of flags that take a value, as they are typed. */
export function flagsWithValue(): ReadonlyMap<string, string> {
  return new Map(
    FLAGS.filter(({ value }) => value !== null).flatMap(
      ({ name, short }) =>
        [[`--${name}`, name], ...(short === undefined ? [] : [[`-${short}`, name] as const])] as const,
    ),
  );
}

/** All flags as they are typed, with what they say. */
export function flagHelp(): ReadonlyMap<string, string> {
  return new Map(FLAGS.filter(({ name }) => name !== 'v').map(({ help, name }) => [`--${name}`, help]));
}

function addText(text: string, before: readonly string[] | undefined): readonly string[] {
  return [...(before ?? []), text];
}

function attributeOf(name: string): string {
  return name.replaceAll(/-([a-z])/gu, (_whole, letter: string) => letter.toUpperCase());
}
