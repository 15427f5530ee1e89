using System.Text.Json;
using Caraway.Identity.Users;
using Caraway.Tests.Identity;
using Caraway.Tests.Infrastructure;

namespace Caraway.Tests.Platform.Http;

/// <summary>The example bodies of the OpenAPI document on a fresh instance.</summary>
public sealed class OpenApiExampleTests(CarawayFixture caraway) : IClassFixture<CarawayFixture>
{
    private const string Form = "application/x-www-form-urlencoded";
    private const string Json = "application/json";

    /// <summary>The first rows that the examples create; user 1 is the administrator of the first start.</summary>
    private static readonly Dictionary<string, string> FirstIds = new(StringComparer.Ordinal)
    {
        ["/cases/{id}"] = "/cases/1",
        ["/cases/{id}/applicant"] = "/cases/1/applicant",
        ["/cases/{id}/patient"] = "/cases/1/patient",
        ["/cases/{id}/notes"] = "/cases/1/notes",
        ["/cases/{id}/documents"] = "/cases/1/documents",
        ["/api/v1/users/{id}"] = "/api/v1/users/2",
        ["/api/v1/users/{id}/gateway-id"] = "/api/v1/users/2/gateway-id",
        ["/api/v1/appointments/{id}"] = "/api/v1/appointments/1",
        ["/api/v1/case-templates/{id}"] = "/api/v1/case-templates/1",
        ["/api/v1/doctors/{id}/availability"] = "/api/v1/doctors/3/availability",
    };

    private sealed record Example(HttpMethod Method, string Path, string Type, JsonElement Value);

    [Fact]
    public async Task Every_example_works_unchanged_in_the_order_of_the_document()
    {
        var examples = await Examples();
        var administrator = await caraway.Person("admin");
        Assert.Equal(1, administrator.UserId);

        var (refreshToken, caseId) = ("", "");
        foreach (var example in examples)
        {
            // A refresh token is secret and random, so its example cannot be a real one.
            var json = example.Path == "/api/v1/refresh" ? $$"""{"refresh_token":"{{refreshToken}}"}""" : example.Value.GetRawText();
            // The id of a support case and the address of a password reset are random.
            var path = example.Path == RedeemPasswordReset.Path + "{token}"
                ? await caraway.NewReset(administrator, user: 2)
                : FirstIds.GetValueOrDefault(example.Path, example.Path)
                    .Replace("{case_id}", caseId, StringComparison.Ordinal).Replace("{user_id}", "user:2", StringComparison.Ordinal);
            var answer = example.Type switch
            {
                Form => await SendForm(example),
                Json => await caraway.As(administrator, example.Method, path, json),
                _ => await SendText(example, administrator),
            };
            Assert.True(answer.Status is 200 or 201 or 204, $"{example.Method} {example.Path} was answered {answer.Status}: {answer.Body}");
            if (example.Path == "/api/v1/cases")
                caseId = answer.Json.GetProperty("case_id").GetString()!;
            if (example.Path == "/api/v1/login")
                refreshToken = answer.Json.GetProperty("refresh_token").GetString()!;
        }

        Assert.True(examples.Count >= 14, $"Only {examples.Count} examples were found.");
    }

    [Fact]
    public async Task Every_body_has_an_example()
    {
        var bodies = await Bodies();

        Assert.Empty(bodies
            .Where(body => !body.Media.TryGetProperty("example", out _) && !body.Media.TryGetProperty("examples", out _))
            .Select(body => $"{body.Method} {body.Path} {body.Type}"));
    }

    private async Task<List<Example>> Examples() =>
    [
        .. from body in await Bodies()
           from value in body.Media.TryGetProperty("example", out var only)
               ? [only]
               : body.Media.GetProperty("examples").EnumerateObject().Select(example => example.Value.GetProperty("value"))
           select new Example(body.Method, body.Path, body.Type, value),
    ];

    private async Task<List<(HttpMethod Method, string Path, string Type, JsonElement Media)>> Bodies()
    {
        var document = await CarawayFixture.Send(caraway.Stranger, HttpMethod.Get, "/openapi.json", null);
        Assert.Equal(200, document.Status);
        return
        [
            .. from path in document.Json.GetProperty("paths").EnumerateObject()
               from operation in path.Value.EnumerateObject()
               where operation.Value.TryGetProperty("requestBody", out _)
               from media in operation.Value.GetProperty("requestBody").GetProperty("content").EnumerateObject()
               select (new HttpMethod(operation.Name.ToUpperInvariant()), path.Name, media.Name, media.Value),
        ];
    }

    private async Task<Answer> SendForm(Example example)
    {
        var fields = example.Value.EnumerateObject().Select(field => KeyValuePair.Create(field.Name, field.Value.GetString()!));
        using var request = new HttpRequestMessage(example.Method, example.Path) { Content = new FormUrlEncodedContent(fields) };
        using var response = await caraway.Stranger.SendAsync(request);
        return await Answer.Read(response);
    }

    private async Task<Answer> SendText(Example example, Accounts.SignedIn caller)
    {
        using var request = new HttpRequestMessage(example.Method, example.Path);
        request.Content = new StringContent(example.Value.GetString()!, System.Text.Encoding.UTF8, example.Type);
        request.Headers.Add(caller.Header.Item1, caller.Header.Item2);
        using var response = await caraway.Stranger.SendAsync(request);
        return await Answer.Read(response);
    }
}
