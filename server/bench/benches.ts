import { authRequest } from './auth.request.ts';
import type { Bench } from './bench.ts';
import { boardDrag } from './board.drag.ts';
import { duplicatesScan } from './duplicates.scan.ts';
import { eventsOverhead } from './events.overhead.ts';
import { eventsWriters } from './events.writers.ts';
import { eventsDispatch } from './events.dispatch.ts';
import { findKey } from './find.browser.ts';
import { filesStream } from './files.stream.ts';
import { exportMemory } from './export.memory.ts';
import { formulaRead } from './formula.read.ts';
import { gatewayBuild } from './gateway.build.ts';
import { gatewayList } from './gateway.list.ts';
import { gatewayScale } from './gateway.scale.ts';
import { gatewayTenants } from './gateway.tenants.ts';
import { historyAsof } from './history.asof.ts';
import { importCopy } from './import.copy.ts';
import { importJob } from './import.job.ts';
import { jobsFair } from './jobs.fair.ts';
import { listMillion } from './list.million.ts';
import { liveFanout } from './live.fanout.ts';
import { modelChange } from './model.change.ts';
import { modelWide } from './model.wide.ts';
import { modelPlan } from './model.plan.ts';
import { poolMemory } from './pool.memory.ts';
import { rlsList } from './rls.list.ts';
import { rlsSearch } from './rls.search.ts';
import { searchMillion } from './search.million.ts';
import { rolesApply } from './roles.apply.ts';
import { rollupWrite } from './rollup.write.ts';
import { timelinePage } from './timeline.page.ts';
import { pageOpen } from './page.browser.ts';
import { tableOpen } from './table.open.ts';
import { tableFirstLoad, tableHeap, tableKey, tableScroll } from './table.browser.ts';
import { workspaceCreate } from './workspace.create.ts';
import { writeCreate } from './write.create.ts';

/** In the order in which they run: those that need one workspace alone come first. */
export const BENCHES: readonly Bench[] = [
  gatewayList,
  authRequest,
  writeCreate,
  eventsWriters,
  eventsOverhead,
  importCopy,
  importJob,
  exportMemory,
  filesStream,
  historyAsof,
  duplicatesScan,
  timelinePage,
  jobsFair,
  eventsDispatch,
  liveFanout,
  modelWide,
  rollupWrite,
  formulaRead,
  rlsList,
  rlsSearch,
  listMillion,
  searchMillion,
  tableFirstLoad,
  tableOpen,
  tableScroll,
  tableKey,
  tableHeap,
  findKey,
  pageOpen,
  boardDrag,
  workspaceCreate,
  gatewayBuild,
  gatewayTenants,
  modelPlan,
  rolesApply,
  modelChange,
  poolMemory,
  gatewayScale,
];
