import { DOMParser } from '@xmldom/xmldom';

export type XmlProblem = 'TOO_LARGE' | 'DTD' | 'COMMENT' | 'NOT_XML';

/** Why a text is not read as XML. */
export class XmlRefused extends Error {
  readonly reason: XmlProblem;

  constructor(reason: XmlProblem, message: string) {
    super(message);
    this.reason = reason;
  }
}

interface Limits {
  readonly maxLength: number;
  /** Messages have no comments, instructions and CDATA: these exist to make two readers read two things. */
  readonly isMessage: boolean;
}

/** Deeper than any message or metadata goes. What canonicalizes a document calls itself for each level. */
const MAX_DEPTH = 60;

const [ELEMENT, TEXT, CDATA, INSTRUCTION, COMMENT] = [1, 3, 4, 7, 8];

/**
 * Reads XML that strangers send. A document type is refused before anything is parsed, so there are no entities to expand
 * and none to fetch; what is not well formed is refused rather than repaired.
 */
export function parseXml(text: string, { maxLength, isMessage }: Limits): Element {
  if (text.length > maxLength) throw new XmlRefused('TOO_LARGE', `The XML is longer than ${maxLength} characters.`);
  if (/<!(?!--|\[CDATA\[)/.test(text)) throw new XmlRefused('DTD', 'The XML has a document type or entities.');
  const refuse = (problem: unknown) => {
    throw new XmlRefused('NOT_XML', `This is not well-formed XML. ${String(problem).split('\n')[0]!.slice(0, 200)}`);
  };
  const parser = new DOMParser({ errorHandler: { warning: refuse, error: refuse, fatalError: refuse } });
  const root = parse(parser, text) ?? refuse('There is no element.');
  for (const [element, depth] of walk(root!)) {
    if (depth > MAX_DEPTH) throw new XmlRefused('TOO_LARGE', `The XML is deeper than ${MAX_DEPTH} elements.`);
    if (isMessage && Array.from(element.childNodes).some(isOdd)) refuseOdd();
  }
  const beside = Array.from(root!.ownerDocument.childNodes).filter(({ nodeName }) => nodeName !== 'xml');
  if (isMessage && beside.some(isOdd)) refuseOdd();
  return root!;
}

function parse(parser: DOMParser, text: string): Element | null {
  try {
    return parser.parseFromString(text, 'text/xml').documentElement;
  } catch (error) {
    if (error instanceof XmlRefused) throw error;
    throw new XmlRefused('NOT_XML', `This is not well-formed XML. ${(error as Error).message.slice(0, 200)}`);
  }
}

const isOdd = ({ nodeType }: Node): boolean => [CDATA, INSTRUCTION, COMMENT].includes(nodeType);

function refuseOdd(): never {
  throw new XmlRefused('COMMENT', 'The XML has comments, processing instructions or CDATA sections.');
}

function* walk(root: Element): Generator<[element: Element, depth: number]> {
  const waiting: [element: Element, depth: number][] = [[root, 1]];
  for (let next = waiting.pop(); next; next = waiting.pop()) {
    yield next;
    const [element, depth] = next;
    for (const child of childrenOf(element).reverse()) waiting.push([child, depth + 1]);
  }
}

/** The element and all elements in it, in the order of the document. */
export const elementsOf = (root: Element): Element[] => Array.from(walk(root), ([element]) => element);

/** The elements in an element, or those of a name. */
export function childrenOf(element: Element, namespace?: string, name?: string): Element[] {
  return Array.from(element.childNodes).filter(
    (node): node is Element =>
      node.nodeType === ELEMENT &&
      (name === undefined || ((node as Element).localName === name && (node as Element).namespaceURI === namespace)),
  );
}

/** The text of an element that has nothing but text; null of any other. */
export function textOf(element: Element): string | null {
  const nodes = Array.from(element.childNodes);
  return nodes.every(({ nodeType }) => nodeType === TEXT) ? (element.textContent ?? '').trim() : null;
}
