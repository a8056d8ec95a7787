import * as z from 'zod';
import { headerName, type credential } from './credential-schema.ts';

/** The keys of a web service that the gateway posts to, whatever it posts. */

/** Its address, where that is no secret. */
export const endpoint = z.string().transform((text, context): URL => {
  const url = URL.parse(text);
  const plain = url !== null && ['http:', 'https:'].includes(url.protocol) && url.username === '' && url.hash === '';
  if (url !== null && plain && url.password === '') return url;
  const message = `expected an http or https URL without credentials, found ${JSON.stringify(text)}; a secret belongs in credential.file`;
  context.addIssue({ code: 'custom', message });
  return z.NEVER;
});

export const signature = z
  .strictObject({
    header: headerName.default('X-Aegis-Signature'),
    file: z.string().min(1).describe('The file that holds the key of the HMAC.'),
  })
  .describe('Adds t=SECONDS,v1=HEX: HMAC-SHA-256 of "SECONDS." and the body.');

export const caFiles = z
  .array(z.string().min(1))
  .default([])
  .describe('Certificates (PEM) that are trusted beside the built-in roots.');

const NAME = /^[a-z0-9](?:[a-z0-9-]{0,30}[a-z0-9])?$/u;

/** A name for logs and metrics. */
export function serviceName(example: string): z.ZodString {
  return z.string().regex(NAME, { error: `expected a name such as ${example}` });
}

/** The files of such a service. */
export interface WebhookFiles {
  readonly ca_files: string[];
  readonly url_file?: string | undefined;
  readonly credential?: z.output<typeof credential> | undefined;
  readonly signature?: z.output<typeof signature> | undefined;
}

/** The same with every file made absolute. */
export function withWebhookPaths<T extends WebhookFiles>(service: T, absolute: (file: string) => string): T {
  const { credential: secret, signature: signing, url_file: file } = service;
  return {
    ...service,
    ca_files: service.ca_files.map(absolute),
    ...(file === undefined ? {} : { url_file: absolute(file) }),
    ...(secret === undefined ? {} : { credential: { ...secret, file: absolute(secret.file) } }),
    ...(signing === undefined ? {} : { signature: { ...signing, file: absolute(signing.file) } }),
  };
}
