import { newId } from '../../kernel/ids.js';

const LONGEST = 48;

/** A slug made of a name: ASCII letters and digits with single hyphens; `organization` when the name has none of them. */
export function slugOf(name: string): string {
  const slug = name.normalize('NFKD').replace(/\p{M}/gu, '').toLowerCase().replace(/[^a-z0-9]+/g, '-').slice(0, LONGEST).replace(/^-|-$/g, '');
  return slug.length >= 2 ? slug : 'organization';
}

/** The same slug with a random end, for when it is taken. */
export function anotherSlug(slug: string): string {
  return `${slug}-${newId().slice(-8)}`;
}
