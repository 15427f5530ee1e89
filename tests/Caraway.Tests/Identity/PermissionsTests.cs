using Caraway.Identity.Contracts;
using Caraway.Care.Contracts;
using System.Text;
using Caraway.Identity.Keys;
using Caraway.Platform.Security;
using Caraway.Tests.Infrastructure;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;

namespace Caraway.Tests.Identity;

/// <summary>Every route as every role, as nobody, and with the environment's key; docs/permissions.md is what was found.</summary>
public sealed class PermissionsTests(CarawayFixture caraway) : IClassFixture<CarawayFixture>
{
    private const string EnvironmentKey = "API_KEY";

    private static readonly string[] Columns = ["nobody", .. Roles.All, EnvironmentKey];

    [Fact]
    public async Task Every_route_lets_in_whom_the_table_names_and_nobody_else()
    {
        var routes = caraway.Services.GetRequiredService<EndpointDataSource>().Endpoints.OfType<RouteEndpoint>()
            .SelectMany(route => (route.Metadata.GetMetadata<HttpMethodMetadata>()?.HttpMethods ?? []).Select(method => (Method: method, Path: "/" + route.RoutePattern.RawText!.Trim('/'), Needed: route.Metadata.GetMetadata<RequiredPermission>())))
            .Distinct().OrderBy(route => route.Path, StringComparer.Ordinal).ThenBy(route => route.Method, StringComparer.Ordinal).ToList();
        Assert.True(routes.Count >= 20);
        var text = new StringBuilder($"""
            # Who may use which route

            Made by a test that calls every route as everybody (`CARAWAY_WRITE_DOCS=1 ./caraway test -class {typeof(PermissionsTests).FullName}`). ✓: let in; what a use case then refuses by its own rules (another's account, another's case) is not seen here.

            | route | permission | {string.Join(" | ", Columns)} |
            |---|---|{string.Concat(Columns.Select(_ => ":-:|"))}

            """.ReplaceLineEndings("\n"));
        foreach (var (method, path, needed) in routes)
        {
            text.Append($"| `{method} {path}` | {(needed is null ? "open" : "`" + needed.Name + "`" + (needed.Or is null ? "" : " or `" + needed.Or + "`"))} |");
            foreach (var column in Columns)
            {
                var isIn = await IsLetIn(method, path, column);
                Assert.True(isIn == Expected(needed, column), $"{method} {path} as {column}: {(isIn ? "let in" : "kept out")}");
                text.Append(isIn ? " ✓ |" : " |");
            }

            text.Append('\n');
        }

        var file = Path.Combine(Checkout.Root, "docs", "permissions.md");
        if (Environment.GetEnvironmentVariable("CARAWAY_WRITE_DOCS") == "1")
            await File.WriteAllTextAsync(file, text.ToString());
        Assert.Equal(await File.ReadAllTextAsync(file), text.ToString());
    }

    [Fact]
    public void An_auditor_changes_nothing_but_his_own_account() =>
        Assert.Equal(["account:write"], Roles.Permissions(Roles.Auditor).Where(permission => !permission.EndsWith(":read", StringComparison.Ordinal) && permission != CarePermissions.ReadAll));

    [Fact]
    public void A_patient_has_his_own_account_and_care_and_no_more() =>
        Assert.Equal(["account:read", "account:write", "care:read", "care:write"], Roles.Permissions(Roles.Patient).Order(StringComparer.Ordinal));

    [Fact]
    public void An_unknown_role_permits_nothing() => Assert.Empty(Roles.Permissions("king"));

    [Fact]
    public void A_scope_is_a_permission_or_a_modules_all()
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

    /// <summary>Neither 401 nor 403. Nothing is changed: bodies are empty objects and ids are nobody's.</summary>
    private async Task<bool> IsLetIn(string method, string path, string column)
    {
        (string, string)[] headers = column switch
        {
            "nobody" => [],
            EnvironmentKey => [("X-API-Key", CarawayFixture.ApiKey)],
            _ => [("Authorization", "Bearer " + await caraway.Token(column))],
        };
        var address = path.Replace("{id}", "888888888", StringComparison.Ordinal).Replace("{document_id}", "888888888", StringComparison.Ordinal).Replace("{name}", "advocacy.case", StringComparison.Ordinal);
        return (await CarawayFixture.Send(caraway.Stranger, new HttpMethod(method), address, method == "GET" ? null : "{}", headers)).Status is not (401 or 403);
    }
}
