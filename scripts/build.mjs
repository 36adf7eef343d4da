/**
 * Compiles the server into `dist` with TypeScript's own compiler and the Swagger plugin, which reads
 * property types and comments of the `*.dto.ts` files into the OpenAPI document.
 *
 * `--no-check` emits without type checking: `npm start` uses it for a quick first start, CI checks types separately.
 */
import { cpSync, rmSync } from 'node:fs';
import ts from 'typescript';
import swagger from '@nestjs/swagger/plugin.js';

const config = ts.getParsedCommandLineOfConfigFile('tsconfig.build.json', {
  noCheck: process.argv.includes('--no-check'),
}, { ...ts.sys, onUnRecoverableConfigFileDiagnostic: (diagnostic) => { throw new Error(String(diagnostic.messageText)); } });

rmSync('dist', { recursive: true, force: true });
const program = ts.createProgram(config.fileNames, config.options);
const emitted = program.emit(undefined, undefined, undefined, false, {
  before: [swagger.before({ classValidatorShim: true, introspectComments: true, dtoFileNameSuffix: ['.dto.ts'], esmCompatible: true }, program)],
});
const diagnostics = config.options.noCheck ? emitted.diagnostics : [...ts.getPreEmitDiagnostics(program), ...emitted.diagnostics];
if (diagnostics.length > 0) {
  console.error(ts.formatDiagnosticsWithColorAndContext(diagnostics, {
    getCanonicalFileName: (name) => name, getCurrentDirectory: ts.sys.getCurrentDirectory, getNewLine: () => '\n',
  }));
  process.exit(1);
}
cpSync('src', 'dist/src', { recursive: true, filter: (path) => !/\.tsx?$/.test(path) });
