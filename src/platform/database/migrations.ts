import { CreateFoundation1764000000000 } from '../../../migrations/1764000000000-create-foundation.js';
import { RelateScopes1764100000000 } from '../../../migrations/1764100000000-relate-scopes.js';
import { CreateTools1764200000000 } from '../../../migrations/1764200000000-create-tools.js';
import { CreatePolicies1764300000000 } from '../../../migrations/1764300000000-create-policies.js';
import { CreateDelegation1764400000000 } from '../../../migrations/1764400000000-create-delegation.js';
import { CreateTasks1764500000000 } from '../../../migrations/1764500000000-create-tasks.js';
import { IndexLineage1764600000000 } from '../../../migrations/1764600000000-index-lineage.js';
import { AddLaunchReason1764700000000 } from '../../../migrations/1764700000000-add-launch-reason.js';
import { ProveAudit1764800000000 } from '../../../migrations/1764800000000-prove-audit.js';
import { IndexAuditParties1764900000000 } from '../../../migrations/1764900000000-index-audit-parties.js';
import { CreateStatusLists1765100000000 } from '../../../migrations/1765100000000-create-status-lists.js';
import { AddTokenCutoffs1765200000000 } from '../../../migrations/1765200000000-add-token-cutoffs.js';
import { CreateLimits1765300000000 } from '../../../migrations/1765300000000-create-limits.js';
import { CreateSignals1765400000000 } from '../../../migrations/1765400000000-create-signals.js';
import { PartitionAudit1765500000000 } from '../../../migrations/1765500000000-partition-audit.js';
import { MakeMonthPartitions1765600000000 } from '../../../migrations/1765600000000-make-month-partitions.js';
import { CreateSignalSubjects1765730000000 } from '../../../migrations/1765730000000-create-signal-subjects.js';

/** Every migration, oldest first. A released one is never edited. */
export const migrations = [
  CreateFoundation1764000000000,
  RelateScopes1764100000000,
  CreateTools1764200000000,
  CreatePolicies1764300000000,
  CreateDelegation1764400000000,
  CreateTasks1764500000000,
  IndexLineage1764600000000,
  AddLaunchReason1764700000000,
  ProveAudit1764800000000,
  IndexAuditParties1764900000000,
  CreateStatusLists1765100000000,
  AddTokenCutoffs1765200000000,
  CreateLimits1765300000000,
  CreateSignals1765400000000,
  PartitionAudit1765500000000,
  MakeMonthPartitions1765600000000,
  CreateSignalSubjects1765730000000,
];
