using System.Text;
using Caraway.Care.Contracts;
using Caraway.Identity.Contracts;
using Caraway.Identity.Keys;
using Caraway.Platform.Security;
using Caraway.Support.Contracts;
using Caraway.Tests.Infrastructure;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;

namespace Caraway.Tests.Identity;

/// <summary>Calls every route with every role, with the environment's key, and without a credential. Writes docs/permissions.md.</summary>
public sealed class PermissionsTests(CarawayFixture caraway) : IClassFixture<CarawayFixture>
{
    private const string EnvironmentKey = "API_KEY";

    private static readonly string[] Columns = ["nobody", .. Roles.All, EnvironmentKey];

    [Fact]
    public async Task Every_route_admits_only_the_callers_that_the_table_names()
    {
        var routes = caraway.Services.GetRequiredService<EndpointDataSource>().Endpoints.OfType<RouteEndpoint>()
            .SelectMany(route => MethodsOf(route).Select(method => (
                Method: method,
                Path: "/" + route.RoutePattern.RawText!.Trim('/'),
                Needed: route.Metadata.GetMetadata<RequiredPermission>())))
            .Distinct()
            .OrderBy(route => route.Path, StringComparer.Ordinal).ThenBy(route => route.Method, StringComparer.Ordinal).ToList();
        Assert.True(routes.Count >= 20);
        var text = new StringBuilder($"""
            # Who may use which route

            A test calls every route with every kind of caller and compares this table with the answers
            (`CARAWAY_WRITE_DOCS=1 ./caraway test -class {typeof(PermissionsTests).FullName}` writes it).
            ✓ means that the route admits the caller. The table does not show the rules of the use cases,
            such as access to the account or the case of another user.

            | route | permission | {string.Join(" | ", Columns)} |
            |---|---|{string.Concat(Columns.Select(_ => ":-:|"))}

            """.ReplaceLineEndings("\n"));
        foreach (var (method, path, needed) in routes)
        {
            text.Append($"| `{method} {path}` | {Describe(needed)} |");
            foreach (var column in Columns)
            {
                var isAdmitted = await IsAdmitted(method, path, column);
                Assert.True(
                    isAdmitted == Expected(needed, column), $"{method} {path} as {column} is {(isAdmitted ? "admitted" : "refused")}");
                text.Append(isAdmitted ? " ✓ |" : " |");
            }

            text.Append('\n');
        }

        var file = Path.Combine(Checkout.Root, "docs", "permissions.md");
        if (Environment.GetEnvironmentVariable("CARAWAY_WRITE_DOCS") == "1")
            await File.WriteAllTextAsync(file, text.ToString());
        Assert.Equal(await File.ReadAllTextAsync(file), text.ToString());
    }

    [Fact]
    public void An_auditor_changes_only_the_own_account() =>
        Assert.Equal(
            ["account:write"],
            Roles.Permissions(Roles.Auditor).Except([CarePermissions.ReadAll, SupportPermissions.ReadAll, IdentityPermissions.UsersSearch])
                .Where(permission => !permission.EndsWith(":read", StringComparison.Ordinal)));

    [Fact]
    public void A_patient_has_only_the_own_account_care_and_support() =>
        Assert.Equal(
            ["account:read", "account:write", "care:read", "care:write", "support:read", "support:write"],
            Roles.Permissions(Roles.Patient).Order(StringComparer.Ordinal));

    [Fact]
    public void An_unknown_role_permits_nothing() => Assert.Empty(Roles.Permissions("king"));

    [Fact]
    public void A_scope_is_a_permission_or_all_permissions_of_a_module()
    {
        Assert.Equal(["advocacy:read", "advocacy:write"], PermissionCatalog.OfScope("advocacy:*"));
        Assert.Equal(["advocacy:read"], PermissionCatalog.OfScope("advocacy:read"));
        Assert.Empty(PermissionCatalog.OfScope("advocacy"));
        Assert.Empty(PermissionCatalog.OfScope("*"));
        Assert.Empty(PermissionCatalog.OfScope(":*"));
        Assert.Empty(PermissionCatalog.OfScope("adv:*"));
    }

    private static bool Expected(RequiredPermission? needed, string column) => needed is null || column switch
    {
        "nobody" => false,
        EnvironmentKey => needed.Name is "advocacy:read" or "advocacy:write",
        _ => Roles.Permissions(column).Contains(needed.Name) || (needed.Or is { } or && Roles.Permissions(column).Contains(or)),
    };

    private static IReadOnlyList<string> MethodsOf(RouteEndpoint route) =>
        route.Metadata.GetMetadata<HttpMethodMetadata>()?.HttpMethods ?? [];

    private static string Describe(RequiredPermission? needed) => needed switch
    {
        null => "open",
        { Or: null } => $"`{needed.Name}`",
        _ => $"`{needed.Name}` or `{needed.Or}`",
    };

    /// <summary>Whether the answer is neither 401 nor 403. The request changes nothing, with an empty body and unknown ids.</summary>
    private async Task<bool> IsAdmitted(string method, string path, string column)
    {
        (string, string)[] headers = column switch
        {
            "nobody" => [],
            EnvironmentKey => [("X-API-Key", CarawayFixture.ApiKey)],
            _ => [("Authorization", "Bearer " + await caraway.Token(column))],
        };
        var address = path
            .Replace("{id}", "888888888", StringComparison.Ordinal)
            .Replace("{document_id}", "888888888", StringComparison.Ordinal)
            .Replace("{name}", "advocacy.case", StringComparison.Ordinal);
        var answer = await CarawayFixture.Send(
            caraway.Stranger, new HttpMethod(method), address, method == "GET" ? null : "{}", headers);
        return answer.Status is not (401 or 403);
    }
}
