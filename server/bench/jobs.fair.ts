import { join } from 'node:path';
import { makeWorkerUtils, run, Logger } from 'graphile-worker';
import { createPool } from '../../db/pool.ts';
import type { Bench } from './bench.ts';
import type { BenchDatabase } from './database.ts';
