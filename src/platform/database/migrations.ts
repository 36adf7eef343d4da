import { CreateFoundation1764000000000 } from '../../../migrations/1764000000000-create-foundation.js';

/** Every migration, oldest first. A released one is never edited. */
export const migrations = [CreateFoundation1764000000000];
