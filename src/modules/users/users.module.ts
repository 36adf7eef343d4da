import { Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { Membership } from '../organizations/membership.entity.js';
import { Organization } from '../organizations/organization.entity.js';
import { OrganizationsModule } from '../organizations/organizations.module.js';
import { AccountController } from './account.controller.js';
import { AccountService } from './account.service.js';
import { KnownDevices } from './known-devices.service.js';
import { MembersController } from './members.controller.js';
import { MembersService } from './members.service.js';
import { PasswordsService } from './passwords.service.js';
import { SignInSource } from './sign-in-source.entity.js';
import { SignInThrottle } from './sign-in-throttle.service.js';
import { SignInUpkeep } from './sign-in-upkeep.service.js';
import { SignIn } from './sign-in.service.js';
import { UserAdministration } from './user-administration.service.js';
import { User } from './user.entity.js';
import { UsersController } from './users.controller.js';
import { UsersService } from './users.service.js';

@Module({
  imports: [OrganizationsModule, TypeOrmModule.forFeature([User, SignInSource, Organization, Membership])],
  controllers: [AccountController, UsersController, MembersController],
  providers: [KnownDevices, UsersService, SignIn, SignInThrottle, SignInUpkeep, PasswordsService, AccountService, MembersService, UserAdministration],
  exports: [KnownDevices, UsersService, SignIn, SignInThrottle, PasswordsService, AccountService, UserAdministration],
})
export class UsersModule {}
