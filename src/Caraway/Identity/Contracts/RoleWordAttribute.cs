using Caraway.Platform.Http;

namespace Caraway.Identity.Contracts;

/// <summary>Lists the roles in the OpenAPI document.</summary>
[AttributeUsage(AttributeTargets.Property | AttributeTargets.Parameter)]
internal sealed class RoleWordAttribute : Attribute, IWords
{
    public IReadOnlyList<string> Words => Roles.All;
}
