/** Where people decide. */
export type DecidingPlace = { readonly kind: 'local' } | { readonly kind: 'kubernetes'; readonly namespace: string };

/** The commands with which a person looks at an approval and decides on it, under his own name. */
export interface Commands {
  readonly show: string;
  readonly approve: string;
  readonly deny: string;
  /** The same with nothing but kubectl; null where people do not decide in a cluster. */
  readonly kubectl: { readonly show: string; readonly approve: string } | null;
}

/** A label of DNS (RFC 1123): nothing in it means anything to a shell. */
const NAMESPACE = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/u;

/** The commands for an approval. Throws where the namespace could not be one. */
export function commandsFor(
  place: DecidingPlace,
  { fingerprint, name }: { readonly name: string; readonly fingerprint: string },
): Commands {
  const reason = `--reason 'why not'`;
  if (place.kind === 'local') {
    const program = 'aegis-gateway approvals';
    return {
      show: `${program} show ${name}`,
      approve: `${program} approve ${name}`,
      deny: `${program} deny ${name} ${reason}`,
      kubectl: null,
    };
  }
  const where = `-n ${namespaceOf(place)}`;
  // The test ties the decision to what was told, whatever became of the name meanwhile.
  const patch = [
    { op: 'test', path: '/spec/fingerprint', value: fingerprint },
    { op: 'add', path: '/status/decisions/-', value: { verdict: 'approved' } },
  ];
  return {
    show: `kubectl aegis show ${name} ${where}`,
    approve: `kubectl aegis approve ${name} ${where}`,
    deny: `kubectl aegis deny ${name} ${where} ${reason}`,
    kubectl: {
      show: `kubectl get apr ${name} ${where} -o yaml`,
      approve: `kubectl patch apr ${name} ${where} --subresource=status --type=json -p '${JSON.stringify(patch)}'`,
    },
  };
}

/** The commands that list what waits. */
export function listCommands(place: DecidingPlace): readonly string[] {
  if (place.kind === 'local') return ['aegis-gateway approvals list'];
  const where = `-n ${namespaceOf(place)}`;
  return [`kubectl aegis pending ${where}`, `kubectl get apr ${where} --field-selector=status.phase=Pending`];
}

function namespaceOf({ namespace }: Extract<DecidingPlace, { kind: 'kubernetes' }>): string {
  if (NAMESPACE.test(namespace)) return namespace;
  throw new Error('expected the name of a namespace from approvals.namespace or the credentials for the API server');
}
