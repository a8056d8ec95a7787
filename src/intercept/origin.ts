/** What a connection went through before its requests began. */
export interface Origin {
  /** `direct`: nothing; its requests say by themselves which way they came. */
  readonly entry: 'direct' | 'connect' | 'captured';
  readonly tunnelAuthority: string | null;
  readonly serverName: string | null;
  readonly secure: boolean;
}

export const DIRECT: Origin = { entry: 'direct', tunnelAuthority: null, serverName: null, secure: false };
