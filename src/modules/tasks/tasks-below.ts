/**
 * The ids of a task, as `inside (id)`, and of every task below it: those with a row, and those that are known by their tokens
 * alone. To be followed by a statement that reads `inside`.
 *
 * @param top SQL of the task's id
 * @param goesOn SQL that says of the task `lower.id` whether it, and what is below it, is among them
 */
export function tasksBelow(top: string, goesOn = 'true'): string {
  return `WITH RECURSIVE inside (id) AS (
    SELECT ${top} UNION SELECT lower.id FROM inside, LATERAL (
      SELECT k.id FROM tasks k WHERE k.parent_task_id = inside.id UNION ALL SELECT w.task_id FROM tokens w WHERE w.parent_task_id = inside.id) lower
    WHERE ${goesOn})`;
}
