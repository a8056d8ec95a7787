/** The version of this build; `AEGIS_GATEWAY_VERSION` is written into the bundle, and absent when src/ runs as it is. */
export function versionOf(env: { readonly [name: string]: string | undefined }): string {
  return process.env['AEGIS_GATEWAY_VERSION'] ?? env['npm_package_version'] ?? 'from source';
}
