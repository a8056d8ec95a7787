import type { Certificate } from 'pkijs';

const LINE = /.{1,64}/gu;

/** A certificate as a PEM text (RFC 7468). */
export function pemOf(certificate: Certificate): string {
  const base64 = Buffer.from(certificate.toSchema().toBER(false)).toString('base64');
  return `-----BEGIN CERTIFICATE-----\n${(base64.match(LINE) ?? []).join('\n')}\n-----END CERTIFICATE-----\n`;
}
