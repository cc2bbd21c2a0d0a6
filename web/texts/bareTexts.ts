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

/** The bare texts of the screens: of the files that are given, or of all. */
export function bareTexts(paths: string[] = []): Converted[] {
  const config = ts.readConfigFile(join(web, 'tsconfig.json'), (path) => ts.sys.readFile(path));
  const { fileNames, options } = ts.parseJsonConfigFileContent(config.config, ts.sys, web);
  const program = ts.createProgram(
    fileNames.filter((path) => path.startsWith(src)),
    options,
  );
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
