/** Who may import whom. ARCHITECTURE.md holds the same as a table, and a test compares the two. */
import { FOLDERS, PACKAGE_OWNERS, PURE } from './scripts/architecture.mjs';

const inFolder = (names) => `^src/(?:${names.join('|')})/`;
const everyFolder = Object.keys(FOLDERS);

const folderRules = everyFolder.map((folder) => ({
  name: `imports-of-${folder}`,
  comment: `src/${folder} may import ${['itself', ...FOLDERS[folder].imports].join(', ')}`,
  severity: 'error',
  from: { path: inFolder([folder]) },
  to: { path: '^src/', pathNot: [inFolder([folder, ...FOLDERS[folder].imports]), ...(FOLDERS[folder].files ?? [])] },
}));

const pureRules = everyFolder
  .filter((folder) => FOLDERS[folder].pure)
  .map((folder) => ({
    name: `pure-${folder}`,
    comment: `src/${folder} touches no socket, file, clock or process`,
    severity: 'error',
    from: { path: inFolder([folder]), pathNot: ['-?watcher\\.ts$', '^src/model/client\\.ts$'] },
    to: { dependencyTypes: ['core'], pathNot: ['^(?:node:)?(?:crypto|path|zlib|buffer)$'] },
  }));

const ownerRules = Object.entries(PACKAGE_OWNERS).map(([name, owners]) => ({
  name: `owner-of-${name.replaceAll(/[^a-z0-9]+/giu, '-')}`,
  comment: `${name} belongs to src/${owners.join(', src/')}`,
  severity: 'error',
  from: { path: '^src/', pathNot: [inFolder(owners)] },
  to: { path: `node_modules/${name}/` },
}));

export default {
  forbidden: [
    { name: 'no-cycles', severity: 'error', from: {}, to: { circular: true } },
    {
      name: 'no-orphans',
      severity: 'error',
      from: { orphan: true, path: '^src/', pathNot: '^src/(?:main|kubectl-aegis)\\.ts$' },
      to: {},
    },
    { name: 'resolvable', severity: 'error', from: {}, to: { couldNotResolve: true } },
    {
      name: 'declared',
      severity: 'error',
      from: { path: '^src/' },
      to: { dependencyTypes: ['npm-dev', 'npm-no-pkg', 'npm-unknown'], pathNot: 'node_modules/@types/' },
    },
    {
      name: 'roots-import-nothing-back',
      comment: 'only cli and main may import the composition root, only the root the exchange',
      severity: 'error',
      from: { path: '^src/', pathNot: ['^src/[^/]+\\.ts$', '^src/cli/'] },
      to: { path: '^src/[^/]+\\.ts$' },
    },
    {
      name: 'exchange-knows-no-adapter',
      comment: 'the order of the stages is written against ports',
      severity: 'error',
      from: { path: '^src/(?:exchange|judgement|received-body)\\.ts$' },
      to: { path: '^src/', pathNot: [inFolder(['model', ...PURE]), '^src/(?:judgement|received-body)\\.ts$'] },
    },
    ...folderRules,
    ...pureRules,
    ...ownerRules,
  ],
  options: {
    tsPreCompilationDeps: true,
    parser: 'swc',
    doNotFollow: { path: 'node_modules' },
    enhancedResolveOptions: {
      extensions: ['.ts', '.mjs', '.js', '.json'],
      exportsFields: ['exports'],
      conditionNames: ['import', 'node', 'default', 'types'],
    },
  },
};
