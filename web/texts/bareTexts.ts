import { dirname, join, relative, resolve } from 'node:path';
import ts from 'typescript';
import { convert, type Found } from './convert.ts';

const web = resolve(import.meta.dirname, '..');
const src = join(web, 'src');

export interface Converted {
  path: string;
  /** With all bare texts in t or <Trans>. */
  source: string;
  found: Found[];
}

/** The bare texts of the screens: of the files that are given, or of all; and of an example that is no file. */
export function bareTexts(paths: string[] = [], example: { [path: string]: string } = {}): Converted[] {
  const config = ts.readConfigFile(join(web, 'tsconfig.json'), (path) => ts.sys.readFile(path));
  const { fileNames, options } = ts.parseJsonConfigFileContent(config.config, ts.sys, web);
  const host = ts.createCompilerHost(options);
  const { readFile, fileExists } = host;
  host.readFile = (path) => example[path] ?? readFile(path);
  host.fileExists = (path) => path in example || fileExists(path);
  const roots = [...fileNames.filter((path) => path.startsWith(src)), ...Object.keys(example)];
  const program = ts.createProgram(roots, options, host);
  const checker = program.getTypeChecker();
  return program.getSourceFiles().flatMap((file) => {
    const path = resolve(file.fileName);
    if (!path.startsWith(`${src}/`) || path.startsWith(join(src, 'language')) || /\.(test|d)\.tsx?$/.test(path))
      return [];
    if (paths.length > 0 && !paths.includes(path)) return [];
    const importPath = (name: string) => {
      const to = relative(dirname(path), join(src, 'language', name));
      return to.startsWith('.') ? to : `./${to}`;
    };
    return [{ path, ...convert(file, checker, importPath) }];
  });
}
