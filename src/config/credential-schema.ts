import * as z from 'zod';

const HEADER_NAME = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/u;

/** The name of a header. */
export const headerName = z.string().regex(HEADER_NAME, { error: 'expected a header name' });

/** A header whose value is made from a secret in a file. */
export const credential = z
  .strictObject({
    header: headerName.default('Authorization'),
    format: z
      .string()
      .refine((text) => text.split('{secret}').length === 2, { error: 'expected a text with {secret} in it once' })
      .default('Bearer {secret}')
      .describe('How the value of the header is made; {secret} stands for what the file holds.'),
    file: z
      .string()
      .min(1)
      .describe('The file that holds the secret, such as a mounted Secret; read again when it changes.'),
  })
  .describe('A credential that the gateway adds, so that the agent never has it.');
