declare const brand: unique symbol;

/** A text that was parsed once at the edge; code that takes it need not check it again. */
export type Branded<Name extends string> = string & { readonly [brand]: Name };

/** A SHA-256 digest in lower-case hexadecimal, 64 characters. */
export type Digest = Branded<'Digest'>;

/** A host in its one spelling: lower case, no trailing dot, IPv6 in brackets, IPv4 in dotted decimal. */
export type Host = Branded<'Host'>;
