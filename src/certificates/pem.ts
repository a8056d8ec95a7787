const LINE = /.{1,64}/gu;

/** A certificate in DER as a PEM text (RFC 7468). */
export function pemOf(certificate: Uint8Array): string {
  const base64 = Buffer.from(certificate).toString('base64');
  return `-----BEGIN CERTIFICATE-----\n${(base64.match(LINE) ?? []).join('\n')}\n-----END CERTIFICATE-----\n`;
}
