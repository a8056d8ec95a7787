import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface KeyPair {
  readonly key: string;
  readonly cert: string;
}

const P256 = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256'];

/** A certificate authority of the test's own, in a folder of its own, made by the openssl program. */
export class TestAuthority implements Disposable {
  readonly #folder = mkdtempSync(join(tmpdir(), 'aegis-forward-ca-'));
  readonly cert: string;

  constructor() {
    this.cert = this.#make('ca', ['-subj', '/CN=test authority', '-addext', 'basicConstraints=critical,CA:TRUE']).cert;
  }

  /** A certificate for the names (`DNS:x` or `IP:x`), valid between the two times (`YYYYMMDDHHMMSSZ`) if they are given. */
  issue(names: string, validity?: { readonly from: string; readonly to: string }): KeyPair {
    const by = ['-CA', join(this.#folder, 'ca.crt'), '-CAkey', join(this.#folder, 'ca.key')];
    if (validity === undefined)
      return this.#make('leaf', ['-subj', '/CN=leaf', '-addext', `subjectAltName=${names}`, ...by]);
    return this.#issueWithin(names, validity);
  }

  /** A further authority with a key of its own: `ec` or `rsa`. */
  authority(kind: string): KeyPair {
    const options = ['-subj', '/O=Example/CN=mounted authority', '-addext', 'basicConstraints=critical,CA:TRUE'];
    return this.#make('mounted', options, kind === 'rsa' ? ['-newkey', 'rsa:2048'] : P256);
  }

  /** An authority below this one. */
  intermediate(): KeyPair {
    const by = ['-CA', join(this.#folder, 'ca.crt'), '-CAkey', join(this.#folder, 'ca.key')];
    const options = ['-subj', '/CN=intermediate', '-addext', 'basicConstraints=critical,CA:TRUE,pathlen:0'];
    return this.#make('intermediate', [...options, ...by]);
  }

  selfSigned(names: string): KeyPair {
    return this.#make('self', ['-subj', '/CN=self', '-addext', `subjectAltName=${names}`]);
  }

  /** `openssl req` of version 3.0 knows no start and end of validity; `openssl ca` does. */
  #issueWithin(names: string, { from, to }: { readonly from: string; readonly to: string }): KeyPair {
    const at = (name: string): string => join(this.#folder, name);
    this.#openssl([
      'req',
      '-new',
      '-newkey',
      'ec',
      '-pkeyopt',
      'ec_paramgen_curve:P-256',
      '-nodes',
      '-subj',
      '/CN=leaf',
      '-addext',
      `subjectAltName=${names}`,
      '-keyout',
      at('dated.key'),
      '-out',
      at('dated.csr'),
    ]);
    const config = `[ca]\ndefault_ca=d\n[d]\ndatabase=${at('index')}\nserial=${at('serial')}\nnew_certs_dir=${this.#folder}\ndefault_md=sha256\npolicy=p\ncopy_extensions=copy\n[p]\ncommonName=supplied\n`;
    writeFileSync(at('index'), '');
    writeFileSync(at('serial'), '01');
    writeFileSync(at('ca.conf'), config);
    this.#openssl([
      'ca',
      '-batch',
      '-notext',
      '-config',
      at('ca.conf'),
      '-cert',
      at('ca.crt'),
      '-keyfile',
      at('ca.key'),
      '-startdate',
      from,
      '-enddate',
      to,
      '-in',
      at('dated.csr'),
      '-out',
      at('dated.crt'),
    ]);
    return this.#read('dated');
  }

  #make(name: string, options: readonly string[], key: readonly string[] = P256): KeyPair {
    const at = (suffix: string): string => join(this.#folder, `${name}.${suffix}`);
    this.#openssl([
      'req',
      '-x509',
      ...key,
      '-nodes',
      '-days',
      '2',
      '-keyout',
      at('key'),
      '-out',
      at('crt'),
      ...options,
    ]);
    return this.#read(name);
  }

  #read(name: string): KeyPair {
    const at = (suffix: string): string => join(this.#folder, `${name}.${suffix}`);
    return { key: readFileSync(at('key'), 'utf8'), cert: readFileSync(at('crt'), 'utf8') };
  }

  #openssl(options: readonly string[]): void {
    try {
      execFileSync('openssl', options, { stdio: 'pipe' });
    } catch (error) {
      throw new Error('expected the openssl program (3.0 or later), which makes the certificates of these tests', {
        cause: error,
      });
    }
  }

  [Symbol.dispose](): void {
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
