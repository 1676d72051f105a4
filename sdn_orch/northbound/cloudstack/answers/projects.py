"""Projects and their members."""

from __future__ import annotations

from sdn_orch.intent.model import Account, Domain
from sdn_orch.intent.snapshot import Snapshot
from sdn_orch.northbound.cloudstack.answers.accounts import ACCOUNT_TYPES, USER
from sdn_orch.northbound.cloudstack.answers.owners import domain_path
from sdn_orch.northbound.cloudstack.answers.resources import resource_fields
from sdn_orch.northbound.cloudstack.answers.tags import tags
from sdn_orch.northbound.cloudstack.model import User
from sdn_orch.northbound.cloudstack.model_tenancy import Project, ProjectMember, ProjectRole
from sdn_orch.northbound.cloudstack.shapes import Scene, Shape, items, moment, nested, number, string


def domain_of(snapshot: Snapshot, project: Project) -> Domain:
    """The domain that the project is in."""
    return snapshot.need(Domain, snapshot.need(Account, project.account_id).domain_id)


def members(snapshot: Snapshot, project: Project) -> tuple[ProjectMember, ...]:
    """Who may act in the project."""
    return snapshot.where(ProjectMember, "project_id", project.id)


def _owners(scene: Scene, project: Project) -> list[ProjectMember]:
    return [each for each in members(scene.snapshot, project) if each.role is ProjectRole.ADMIN]


PROJECT: Shape[Project] = Shape(
    key="project",
    resource="Project",
    kind=Project,
    keywords=("name", "displaytext"),
    fields=(
        string("id", "the id of the project", lambda _, project: project.id),
        string("name", "the name of the project", lambda _, project: project.name),
        string("displaytext", "the text shown for it", lambda _, project: project.display_text),
        string("state", "Active or Suspended", lambda _, project: project.state),
        string("domainid", "the domain id", lambda scene, project: domain_of(scene.snapshot, project).id),
        string("domain", "the domain name", lambda scene, project: domain_of(scene.snapshot, project).name),
        string(
            "projectaccountname",
            "the name of the account that owns what belongs to the project",
            lambda scene, project: scene.snapshot.need(Account, project.account_id).name,
        ),
        items(
            "owner",
            "the administrators of the project",
            _owners,
            (
                string("account", "the account", lambda s, m: s.snapshot.need(Account, m.account_id).name),
                string("userid", "its only user that may act", lambda _, member: member.user_id),
            ),
        ),
        *resource_fields(
            lambda scene, project: scene.snapshot.need(Account, project.account_id), besides=("project",)
        ),
        moment("created", "when it was created", lambda _, project: project.created),
        tags(),
    ),
)


def _project(scene: Scene, member: ProjectMember) -> Project:
    return scene.snapshot.need(Project, member.project_id)


def _account(scene: Scene, member: ProjectMember) -> Account:
    return scene.snapshot.need(Account, member.account_id)


def _domain(scene: Scene, member: ProjectMember) -> Domain:
    return scene.snapshot.need(Domain, _account(scene, member).domain_id)


def _users(scene: Scene, member: ProjectMember) -> list[User]:
    found = scene.snapshot.where(User, "account_id", member.account_id)
    return [user for user in found if member.user_id in (None, user.id)]


def _username(scene: Scene, member: ProjectMember) -> str | None:
    return scene.snapshot.need(User, member.user_id).username if member.user_id else None


PROJECT_MEMBER: Shape[ProjectMember] = Shape(
    key="projectaccount",
    resource="ProjectAccount",
    keywords=("account",),
    fields=(
        string("projectid", "the id of the project", lambda _, member: member.project_id),
        string("project", "the name of the project", lambda scene, member: _project(scene, member).name),
        string("accountid", "the id of the account", lambda _, member: member.account_id),
        string("account", "the name of the account", lambda scene, member: _account(scene, member).name),
        number("accounttype", "its type", lambda scene, m: ACCOUNT_TYPES[_account(scene, m).role]),
        string("role", "Admin or Regular", lambda _, member: member.role),
        string("userid", "the only user that may act", lambda _, member: member.user_id),
        string("username", "the name of that user", _username),
        string("domainid", "the domain of the account", lambda scene, m: _domain(scene, m).id),
        string("domain", "the name of the domain", lambda scene, m: _domain(scene, m).name),
        string("domainpath", "the path of the domain", lambda scene, m: domain_path(_domain(scene, m))),
        nested("user", "the users that may act", USER, _users),
    ),
)
