export interface FolderRule {
  readonly imports: readonly string[];
  readonly pure?: boolean;
  readonly files?: readonly string[];
}
export const FOLDERS: { readonly [folder: string]: FolderRule };
export const PACKAGE_OWNERS: { readonly [name: string]: readonly string[] };
export const PURE: readonly string[];
