using Caraway.Identity.Contracts;
using Caraway.Platform.Security;
using Caraway.Tests.Infrastructure;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;

namespace Caraway.Tests.Architecture;

public sealed class RoutePermissionTests(CarawayFixture caraway) : IClassFixture<CarawayFixture>
{
    private static readonly string[] Expected =
    [
        "DELETE /api/v1/case-templates/{id} support:write",
        "DELETE /api/v1/cases/{case_id} support:write",
        "DELETE /api/v1/cases/{case_id}/shares/{user_id} support:write",
        "DELETE /api/v1/users/{id}/calendar-link care:write",
        "DELETE /api/v1/users/{id}/gateway-id users:manage",
        "DELETE /cases/{id}/patient advocacy:write",
        "GET / open",
        "GET /.well-known/jwks.json open",
        "GET /api/v1/appointments/doctors/{doctor_id} care:read",
        "GET /api/v1/appointments/patients/{patient_id} care:read",
        "GET /api/v1/appointments/{id} care:read",
        "GET /api/v1/audit-logs audit:read",
        "GET /api/v1/calendars/{file} open",
        "GET /api/v1/case-templates support:read",
        "GET /api/v1/case-templates/{id} support:read",
        "GET /api/v1/cases support:read",
        "GET /api/v1/cases/analytics support:read",
        "GET /api/v1/cases/export support:read",
        "GET /api/v1/cases/session/{session_id} support:read",
        "GET /api/v1/cases/{case_id} support:read",
        "GET /api/v1/cases/{case_id}/history support:read",
        "GET /api/v1/cases/{case_id}/shares support:read",
        "GET /api/v1/cases/{case_id}/shares/{user_id} support:read",
        "GET /api/v1/doctors/{id}/availability care:read",
        "GET /api/v1/doctors/{id}/free-slots care:read",
        "GET /api/v1/imports/{id} support:read",
        "GET /api/v1/lab-results/patients/{patient_id} care:read",
        "GET /api/v1/lab-results/{id} care:read",
        "GET /api/v1/password-resets/{token} open",
        "GET /api/v1/patients/{id}/access-log account:read",
        "GET /api/v1/patients/{id}/timeline account:read",
        "GET /api/v1/search advocacy:read",
        "GET /api/v1/tasks/appointments/{appointment_id} care:read",
        "GET /api/v1/tasks/{id} care:read",
        "GET /api/v1/users users:manage",
        "GET /api/v1/users/{id} account:read",
        "GET /cases advocacy:read",
        "GET /cases/analytics advocacy:read",
        "GET /cases/{id} advocacy:read",
        "GET /cases/{id}/access-log audit:read",
        "GET /cases/{id}/documents advocacy:read",
        "GET /cases/{id}/notes advocacy:read",
        "GET /cases/{id}/timeline advocacy:read",
        "GET /health open",
        "GET /health/live open",
        "GET /health/ready open",
        "GET /metrics open",
        "GET /openapi.json open",
        "GET /workflows open",
        "GET /workflows/{name} open",
        "PATCH /api/v1/appointments/{id} care:write",
        "PATCH /api/v1/users/{id} account:write",
        "PATCH /cases/{id} advocacy:write",
        "PATCH /cases/{id}/applicant advocacy:write",
        "POST /api/v1/appointments care:write",
        "POST /api/v1/case-templates support:write",
        "POST /api/v1/cases support:write",
        "POST /api/v1/cases/import support:write",
        "POST /api/v1/cases/{case_id}/status support:write",
        "POST /api/v1/lab-results care:write",
        "POST /api/v1/login open",
        "POST /api/v1/login open",
        "POST /api/v1/logout account:write",
        "POST /api/v1/password-resets/{token} open",
        "POST /api/v1/refresh open",
        "POST /api/v1/users open",
        "POST /api/v1/users/{id}/calendar-link care:write",
        "POST /api/v1/users/{id}/password-reset users:manage",
        "POST /cases/{id}/documents advocacy:write",
        "POST /cases/{id}/notes advocacy:write",
        "POST /intakes advocacy:write",
        "POST /internal/documents/{document_id}/process advocacy:write",
        "PUT /api/v1/case-templates/{id} support:write",
        "PUT /api/v1/cases/{case_id} support:write",
        "PUT /api/v1/cases/{case_id}/shares/{user_id} support:write",
        "PUT /api/v1/doctors/{id}/availability care:write",
        "PUT /api/v1/users/{id}/gateway-id users:manage",
        "PUT /cases/{id}/patient advocacy:write",
    ];

    private IEnumerable<RouteEndpoint> Routes =>
        caraway.Services.GetRequiredService<EndpointDataSource>().Endpoints.OfType<RouteEndpoint>();

    /// <summary>A new route is a decision: it is written here with who may use it.</summary>
    [Fact]
    public void Every_route_needs_a_permission_or_is_on_this_list_as_open()
    {
        var routes = Routes.SelectMany(
            route => Methods(route).Select(method => $"{method} /{route.RoutePattern.RawText!.Trim('/')} {Right(route)}"));

        Assert.Equal(Expected, routes.Order(StringComparer.Ordinal));
    }

    [Fact]
    public void A_route_asks_for_the_permission_that_it_names()
    {
        var guarded = Routes.Where(route => route.Metadata.GetMetadata<RequiredPermission>() is not null).ToList();

        Assert.NotEmpty(guarded);
        Assert.All(guarded, route =>
        {
            var named = Assert.Single(route.Metadata.GetOrderedMetadata<RequiredPermission>()).Name;
            Assert.Null(route.Metadata.GetMetadata<IAllowAnonymous>());
            Assert.Contains(named, PermissionCatalog.All);
        });
    }

    [Fact]
    public async Task No_guarded_route_answers_a_stranger()
    {
        foreach (var route in Routes.Where(route => route.Metadata.GetMetadata<RequiredPermission>() is not null))
        {
            foreach (var method in Methods(route))
            {
                var path = route.RoutePattern.RawText!.Replace("{id}", "1", StringComparison.Ordinal)
                    .Replace("{document_id}", "1", StringComparison.Ordinal);
                var code = route.Metadata.GetMetadata<WithoutCredential>()?.Denial switch
                {
                    Denial.KeyRefused => "api_key_required",
                    Denial.UserIdMissing => "user_id_required",
                    _ => "not_signed_in",
                };
                (await CarawayFixture.Send(caraway.Stranger, new HttpMethod(method), path, method == "GET" ? null : "{}"))
                    .IsProblem(401, code);
            }
        }
    }

    private static IEnumerable<string> Methods(RouteEndpoint route) =>
        route.Metadata.GetMetadata<HttpMethodMetadata>()?.HttpMethods ?? ["ANY"];

    private static string Right(Endpoint route) =>
        route.Metadata.GetMetadata<RequiredPermission>()?.Name
            ?? (route.Metadata.GetMetadata<IAllowAnonymous>() is null ? "undecided" : "open");
}
