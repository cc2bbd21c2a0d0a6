import { aggregates } from './doors/aggregates.ts';
import { asOf } from './doors/asOf.ts';
import { company } from './doors/company.ts';
import { fieldHistory } from './doors/fieldHistory.ts';
import { reverts } from './doors/reverts.ts';
import { timeline } from './doors/timeline.ts';
import { trashList } from './doors/trashList.ts';
import { databaseLogin } from './doors/databaseLogin.ts';
import { duplicateInbox } from './doors/duplicateInbox.ts';
import { duplicates } from './doors/duplicates.ts';
import { explain } from './doors/explain.ts';
import { exportFile } from './doors/exportFile.ts';
import { importFile } from './doors/importFile.ts';
import { live } from './doors/live.ts';
import { graphqlById } from './doors/graphqlById.ts';
import { graphqlFilter } from './doors/graphqlFilter.ts';
import { graphqlList } from './doors/graphqlList.ts';
import { graphqlNested } from './doors/graphqlNested.ts';
import { graphqlSort } from './doors/graphqlSort.ts';
import { history } from './doors/history.ts';
import { mergePlan } from './doors/mergePlan.ts';
import { mutations } from './doors/mutations.ts';
import { psql } from './doors/psql.ts';
import { refusals } from './doors/refusals.ts';
import { search } from './doors/search.ts';
import { seeing } from './doors/seeing.ts';
import { textFilters } from './doors/textFilters.ts';
import { trash } from './doors/trash.ts';
import { webhooks } from './doors/webhooks.ts';
import type { Door } from './setting.ts';

/**
 * The doors of the product, each in a file of its own. A door that the product gets later (REST, MCP, links to
 * files) is written beside them and added here.
 */
export const DOORS: readonly Door[] = [
  psql,
  databaseLogin,
  aggregates,
  graphqlList,
  graphqlById,
  graphqlNested,
  graphqlFilter,
  graphqlSort,
  textFilters,
  search,
  duplicates,
  duplicateInbox,
  mergePlan,
  history,
  fieldHistory,
  reverts,
  timeline,
  asOf,
  company,
  trash,
  trashList,
  live,
  exportFile,
  importFile,
  seeing,
  explain,
  webhooks,
  refusals,
  mutations,
];
