import 'reflect-metadata';
import { createValidationPipe } from '../../platform/http/validation.pipe.js';
import { CreateOrganizationDto, UpdateOrganizationDto } from '../organizations/organizations.dto.js';
import { AddMemberDto, ChangeMemberDto } from './members.dto.js';
import { ChangePasswordDto, CreateUserDto, UpdateAccountDto, UpdateUserDto } from './users.dto.js';

const pipe = createValidationPipe();
const read = (metatype: new () => object, body: unknown) => pipe.transform(body, { type: 'body', metatype }) as Promise<object>;
const refused = expect.objectContaining({ kind: 'invalid', code: 'invalid_request' });

describe('what comes in about people and organizations', () => {
  it('keeps addresses in lower case', async () => {
    expect(await read(CreateUserDto, { email: ' Ada@EXAMPLE.com ' })).toEqual({ email: 'ada@example.com' });
    expect(await read(AddMemberDto, { email: 'Ada@EXAMPLE.com' })).toEqual({ email: 'ada@example.com' });
  });

  it.each<[string, new () => object, object]>([
    ['password', CreateUserDto, { email: 'a@example.com', password: null }],
    ['role', CreateUserDto, { email: 'a@example.com', role: null }],
    ['name', UpdateUserDto, { name: null }],
    ['status', UpdateUserDto, { status: null }],
    ['account name', UpdateAccountDto, { name: null }],
    ['organization name', UpdateOrganizationDto, { name: null }],
    ['slug', CreateOrganizationDto, { name: 'Acme', slug: null }],
    ['user_id', AddMemberDto, { user_id: null, email: 'a@example.com' }],
  ])('takes no null where the %s may be left out', async (_name, dto, body) => {
    await expect(read(dto, body)).rejects.toEqual(refused);
  });

  it.each<[string, new () => object, object]>([
    ['is_platform_administrator of a person', CreateUserDto, { email: 'a@example.com', is_platform_administrator: true }],
    ['organization_id of a person', CreateUserDto, { email: 'a@example.com', organization_id: 'elsewhere' }],
    ['email_verified of a person', UpdateUserDto, { email_verified: true }],
    ['email of a person', UpdateUserDto, { email: 'b@example.com' }],
    ['role of one\'s own', UpdateAccountDto, { role: 'owner' }],
    ['slug of an organization', UpdateOrganizationDto, { slug: 'other' }],
    ['status of a new organization', CreateOrganizationDto, { name: 'Acme', status: 'active' }],
    ['organization of a member', ChangeMemberDto, { role: 'admin', organization_id: 'elsewhere' }],
  ])('does not take: %s', async (_name, dto, body) => {
    await expect(read(dto, body)).rejects.toEqual(refused);
  });

  it.each<[string, new () => object, object]>([
    ['name with a bidirectional override', CreateUserDto, { email: 'a@example.com', name: 'Ada\u202E' }],
    ['name with NUL', CreateOrganizationDto, { name: 'Ac\0me' }],
    ['empty name', UpdateUserDto, { name: '' }],
    ['role that is none', ChangeMemberDto, { role: 'root' }],
    ['role that is a list', ChangeMemberDto, { role: ['owner'] }],
    ['password that is no text', ChangePasswordDto, { current_password: { $ne: '' }, new_password: 'x' }],
    ['password of a megabyte', ChangePasswordDto, { current_password: 'x'.repeat(1_000_000), new_password: 'x' }],
    ['owner that is no id', CreateOrganizationDto, { name: 'Acme', owner_user_id: '1' }],
  ])('refuses: %s', async (_name, dto, body) => {
    await expect(read(dto, body)).rejects.toEqual(refused);
  });
});
