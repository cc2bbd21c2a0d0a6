import type { TypedDocumentNode } from 'urql';
import type { ListVariables, Page } from '../model/documents.ts';
import type { RecordRow } from '../model/types.ts';
import { request } from './client.ts';

const A_PAGE = 500;

/** All rows of a list, however many they are, page after page. */
export async function everyRow(
  document: TypedDocumentNode<{ list: Page }, ListVariables>,
  variables: Omit<ListVariables, 'first' | 'after'>,
): Promise<RecordRow[]> {
  const rows: RecordRow[] = [];
  let after: string | null = null;
  do {
    const { list }: { list: Page } = await request(document, { ...variables, first: A_PAGE, after });
    rows.push(...list.nodes);
    after = list.pageInfo.hasNextPage ? list.pageInfo.endCursor : null;
  } while (after !== null);
  return rows;
}
