import { beforeAll, expect, test } from '@jest/globals';
import { useDatabase } from '../testing/database.ts';
import { createWorkspace, statements, type Workspace } from '../testing/workspace.ts';
const db = useDatabase();
let ws: Workspace;
beforeAll(async () => { ws = await createWorkspace(db.admin); });
test('x', async () => {
  expect(await statements(db.admin, ws)).toEqual([]);
});
