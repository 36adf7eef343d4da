import { settingGroups } from './config.js';
import { settings, type SettingDocumentation } from './setting.js';

interface DocumentedSetting extends SettingDocumentation {
  readonly name: string;
}

function documentedGroups(): { title: string; entries: DocumentedSetting[] }[] {
  return Object.entries(settingGroups).map(([title, group]) => ({
    title, entries: Object.entries(group).map(([name, schema]) => ({ name, ...settings.get(schema)! })),
  }));
}

/** The text of `docs/configuration.md`. */
export function configurationReference(): string {
  const sections = documentedGroups().map(({ title, entries }) => [
    `## ${title}`,
    '',
    ...entries.flatMap((entry) => [
      `### \`${entry.name}\``,
      '',
      entry.description,
      '',
      `- Allowed: ${entry.allowed}`,
      `- Default: ${fallback(entry)}`,
      ...(entry.isSecret ? ['- Secret: its value is never logged'] : []),
      '',
    ]),
  ].join('\n'));
  return [
    '<!-- Generated from src/platform/config/config.ts by "npm run generate". -->',
    '# Configuration',
    '',
    'Legate is configured by environment variables. It reads no `.env` file by itself: give one to Node',
    '(`node --env-file=.env dist/server/main.js`), to Docker Compose (`env_file`) or to the shell. A variable that is blank counts',
    'as not set. At the start every problem is named at once, one sentence each, and a `LEGATE_…` name that does not exist is',
    'refused.',
    '',
    ...sections,
  ].join('\n').trimEnd().concat('\n');
}

function fallback(entry: DocumentedSetting): string {
  if (entry.fallback === undefined) return 'not set';
  return entry.fallback.includes(' ') ? entry.fallback : `\`${entry.fallback}\``;
}

/** The text of `.env.example`: every setting, with its default, switched off by a comment sign. */
export function environmentExample(): string {
  const sections = documentedGroups().map(({ title, entries }) => [
    `# --- ${title} ---`,
    '',
    ...entries.flatMap((entry) => [
      ...wrap(`${entry.description} Must be ${entry.allowed}.`, 118).map((line) => `# ${line}`),
      `# ${entry.name}=${entry.fallback?.includes(' ') ? '' : entry.fallback ?? ''}`,
      '',
    ]),
  ].join('\n'));
  return [
    '# Generated from src/platform/config/config.ts by "npm run generate".',
    '# Copy to .env, set what you need, and start with: node --env-file=.env dist/server/main.js',
    '',
    ...sections,
  ].join('\n').trimEnd().concat('\n');
}

function wrap(text: string, width: number): string[] {
  const lines = [''];
  for (const word of text.split(' ')) {
    const line = lines.at(-1)!;
    if (line.length + word.length + 1 > width) lines.push(word);
    else lines[lines.length - 1] = line === '' ? word : `${line} ${word}`;
  }
  return lines;
}
