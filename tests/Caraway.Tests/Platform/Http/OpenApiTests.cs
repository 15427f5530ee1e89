using System.Text.Json;
using Caraway.Tests.Architecture;
using Caraway.Tests.Infrastructure;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;

namespace Caraway.Tests.Platform.Http;

public sealed class OpenApiTests(CarawayFixture caraway) : IClassFixture<CarawayFixture>
{
    [Fact]
    public async Task The_document_is_OpenAPI_3_1_and_open_to_all()
    {
        var answer = await CarawayFixture.Send(caraway.Stranger, HttpMethod.Get, "/openapi.json", null);

        Assert.Equal(200, answer.Status);
        Assert.StartsWith("3.1.", answer.Json.GetProperty("openapi").GetString(), StringComparison.Ordinal);
        Assert.Equal("Caraway", answer.Json.GetProperty("info").GetProperty("title").GetString());
        Assert.DoesNotContain("localhost", answer.Body, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_document_is_written_once_and_has_a_tag()
    {
        var first = await CarawayFixture.Send(caraway.Stranger, HttpMethod.Get, "/openapi.json", null);
        var tag = first.Headers["ETag"];
        var again = await CarawayFixture.Send(caraway.Stranger, HttpMethod.Get, "/openapi.json", null, ("If-None-Match", tag));
        var other = await CarawayFixture.Send(caraway.Stranger, HttpMethod.Get, "/openapi.json", null, ("If-None-Match", "\"x\""));

        Assert.Equal((304, ""), (again.Status, again.Body));
        Assert.Equal((200, first.Body, tag), (other.Status, other.Body, other.Headers["ETag"]));
    }

    /// <summary>CARAWAY_WRITE_DOCS=1 writes the file first.</summary>
    [Fact]
    public async Task The_document_is_the_one_in_docs()
    {
        var path = Path.Combine(Checkout.Root, "docs", "openapi.json");
        var document = (await Document()).ReplaceLineEndings("\n").TrimEnd('\n') + "\n";
        if (Environment.GetEnvironmentVariable("CARAWAY_WRITE_DOCS") == "1")
        {
            Directory.CreateDirectory(Path.GetDirectoryName(path)!);
            await File.WriteAllTextAsync(path, document);
        }

        Assert.True(File.Exists(path), "docs/openapi.json is missing. Write it: CARAWAY_WRITE_DOCS=1 ./caraway test");
        Assert.Equal((await File.ReadAllTextAsync(path)).ReplaceLineEndings("\n"), document);
    }

    [Fact]
    public async Task Every_route_is_described()
    {
        using var document = JsonDocument.Parse(await Document());
        var described = Operations(document).Select(operation => $"{operation.Method} {operation.Path}").Order(StringComparer.Ordinal);
        var routes = caraway.Services.GetRequiredService<EndpointDataSource>().Endpoints.OfType<RouteEndpoint>()
            .Where(route => route.Metadata.GetMetadata<IExcludeFromDescriptionMetadata>()?.ExcludeFromDescription != true)
            .SelectMany(
                route => route.Metadata.GetMetadata<HttpMethodMetadata>()!.HttpMethods,
                (route, method) => $"{method} /{route.RoutePattern.RawText!.Trim('/')}")
            .Where(route => route != "GET /openapi.json")
            .Order(StringComparer.Ordinal);

        Assert.Equal(routes, described);
    }

    [Fact]
    public async Task All_refusals_are_one_shared_response()
    {
        using var document = JsonDocument.Parse(await Document());
        var shared = document.RootElement.GetProperty("components").GetProperty("responses").GetProperty("Problem").GetProperty("content");
        var refusing = Operations(document)
            .Where(operation => Description(operation.Body).EndsWith(" with a problem.", StringComparison.Ordinal))
            .ToList();

        Assert.Equal("application/problem+json", Assert.Single(shared.EnumerateObject()).Name);
        Assert.Equal(
            "#/components/schemas/Problem",
            shared.GetProperty("application/problem+json").GetProperty("schema").GetProperty("$ref").GetString());
        Assert.True(refusing.Count > 30, $"Only {refusing.Count} operations name their refusals.");
        Assert.All(refusing, operation =>
        {
            var responses = operation.Body.GetProperty("responses");
            Assert.Equal("#/components/responses/Problem", responses.GetProperty("default").GetProperty("$ref").GetString());
            Assert.DoesNotContain(responses.EnumerateObject(), response => response.Name.StartsWith('4'));
        });
    }

    [Fact]
    public async Task Every_route_with_a_permission_names_it_and_its_401_and_403()
    {
        using var document = JsonDocument.Parse(await Document());
        var secured = Operations(document).Where(operation => Schemes(operation.Body) == "Bearer, ApiKey").ToList();

        Assert.Equal(
            15,
            secured.Count(operation => operation.Path.StartsWith("/cases", StringComparison.Ordinal)
                || operation.Path is "/intakes"
                || operation.Path.StartsWith("/internal", StringComparison.Ordinal)));
        Assert.All(secured, operation => Assert.Matches(
            @"^Needs the permission `[a-z]+:[a-z_]+`( or `[a-z]+:[a-z_]+`)?\. Can answer (400, )?401(, | or )403\b",
            Description(operation.Body)));
    }

    [Fact]
    public async Task A_registration_takes_a_credential_and_needs_none()
    {
        using var document = JsonDocument.Parse(await Document());
        var operation = document.RootElement.GetProperty("paths").GetProperty("/api/v1/users").GetProperty("post");

        Assert.Equal(", Bearer, ApiKey", Schemes(operation));
    }

    [Fact]
    public async Task Every_summary_starts_with_a_capital_letter_has_several_words_and_is_unique()
    {
        using var document = JsonDocument.Parse(await Document());
        var summaries = Operations(document).Select(operation => operation.Body.GetProperty("summary").GetString()!).ToList();

        Assert.NotEmpty(summaries);
        Assert.All(summaries, summary => Assert.Matches("^[A-Z][a-z]+,? [a-zA-Z',. -]+[a-z]$", summary));
        Assert.Equal(summaries.Count, summaries.Distinct(StringComparer.Ordinal).Count());
    }

    [Theory]
    [InlineData("AdvocacyGetCaseResponse", "current_status", 7, false)]
    [InlineData("AdvocacyGetCaseStatusEvent", "from_status", 7, true)]
    [InlineData("ListDocumentsDocument", "status", 4, false)]
    [InlineData("AdvocacyUpdateCaseRequest", "status", 7, true)]
    [InlineData("AppointmentResponse", "status", 4, false)]
    [InlineData("AppointmentTaskResponse", "status", 4, false)]
    [InlineData("AppointmentPerson", "role", 7, false)]
    [InlineData("UserResponse", "role", 7, false)]
    [InlineData("RegisterUserRequest", "role", 7, true)]
    public async Task A_status_lists_its_words_and_null_only_where_it_can_be_null(string schema, string member, int words, bool isNullable)
    {
        using var document = JsonDocument.Parse(await Document());
        var described = document.RootElement.GetProperty("components")
            .GetProperty("schemas")
            .GetProperty(schema)
            .GetProperty("properties")
            .GetProperty(member);
        var values = described.GetProperty("enum").EnumerateArray().ToList();

        Assert.Equal(words, values.Count(value => value.ValueKind == JsonValueKind.String));
        Assert.Equal(isNullable, values.Any(value => value.ValueKind == JsonValueKind.Null));
        Assert.Equal(isNullable, described.GetProperty("type").ValueKind == JsonValueKind.Array);
    }

    [Theory]
    [InlineData("/cases", "status", "NEW IN_REVIEW NEEDS_INFO SUBMITTED APPROVED DENIED CLOSED")]
    [InlineData("/api/v1/users", "role", "patient doctor admin caseworker adjudicator agent auditor")]
    public async Task A_filter_lists_its_words(string path, string name, string words)
    {
        using var document = JsonDocument.Parse(await Document());
        var filter = document.RootElement.GetProperty("paths").GetProperty(path).GetProperty("get").GetProperty("parameters")
            .EnumerateArray().Single(parameter => parameter.GetProperty("name").GetString() == name);

        Assert.Equal(words.Split(' '), filter.GetProperty("schema").GetProperty("enum").EnumerateArray().Select(word => word.GetString()));
    }

    [Theory]
    [InlineData("RegisterUserRequest")]
    [InlineData("UpdateUserRequest")]
    [InlineData("RedeemPasswordResetRequest")]
    public async Task A_new_password_has_8_to_128_characters(string schema)
    {
        using var document = JsonDocument.Parse(await Document());
        var password = document.RootElement.GetProperty("components").GetProperty("schemas").GetProperty(schema)
            .GetProperty("properties").GetProperty("password");

        Assert.Equal((8, 128), (password.GetProperty("minLength").GetInt32(), password.GetProperty("maxLength").GetInt32()));
    }

    [Theory]
    [InlineData("/api/v1/calendars/{file}", "get", "text/calendar")]
    [InlineData("/api/v1/login", "post", "application/json")]
    public async Task An_answer_has_its_media_type(string path, string method, string type)
    {
        using var document = JsonDocument.Parse(await Document());
        var responses = document.RootElement.GetProperty("paths").GetProperty(path).GetProperty(method).GetProperty("responses");

        Assert.Equal([type], responses.GetProperty("200").GetProperty("content").EnumerateObject().Select(media => media.Name));
    }

    [Fact]
    public async Task The_sign_in_takes_JSON_and_the_password_form_of_OAuth_2()
    {
        using var document = JsonDocument.Parse(await Document());
        var bodies = document.RootElement.GetProperty("paths").GetProperty("/api/v1/login").GetProperty("post")
            .GetProperty("requestBody").GetProperty("content");

        Assert.Equal(["application/json", "application/x-www-form-urlencoded"], bodies.EnumerateObject().Select(body => body.Name));
        var form = bodies.GetProperty("application/x-www-form-urlencoded").GetProperty("schema");
        Assert.Equal(["grant_type", "username", "password"], form.GetProperty("properties").EnumerateObject().Select(field => field.Name));
        Assert.Equal(["username", "password"], form.GetProperty("required").EnumerateArray().Select(field => field.GetString()));
    }

    [Theory]
    [InlineData("/intakes", "post", "full_name", "case_id")]
    [InlineData("/cases", "get", null, "items")]
    [InlineData("/cases/{id}", "get", null, "allowed_transitions")]
    [InlineData("/cases/{id}", "patch", "assignee", "previous_status")]
    [InlineData("/cases/{id}/applicant", "patch", "phone", "created_at")]
    [InlineData("/cases/{id}/patient", "put", "patient_id", "case_id")]
    [InlineData("/cases/{id}/notes", "post", "author", "note_id")]
    [InlineData("/cases/{id}/documents", "post", "filename", "document_id")]
    public async Task A_route_is_described_with_its_own_shapes(string path, string method, string? sent, string answered)
    {
        using var document = JsonDocument.Parse(await Document());
        var operation = document.RootElement.GetProperty("paths").GetProperty(path).GetProperty(method);

        if (sent is not null)
            Assert.Contains(sent, Members(document, operation.GetProperty("requestBody")));
        var success = operation.GetProperty("responses").EnumerateObject().First(response => response.Name.StartsWith('2'));
        Assert.Contains(answered, Members(document, success.Value));
    }

    [Fact]
    public async Task Every_member_of_a_shape_has_a_type()
    {
        using var document = JsonDocument.Parse(await Document());
        var members = document.RootElement.GetProperty("components").GetProperty("schemas").EnumerateObject()
            .SelectMany(schema => schema.Value.TryGetProperty("properties", out var properties)
                ? properties.EnumerateObject().Select(member => (schema.Name, Member: member))
                : [])
            .ToList();

        Assert.NotEmpty(members);
        Assert.Empty(members
            .Where(m => !new[] { "type", "$ref", "oneOf", "anyOf", "allOf" }.Any(word => m.Member.Value.TryGetProperty(word, out _)))
            .Select(m => $"{m.Name}.{m.Member.Name}"));
    }

    /// <summary>A reference to a member in a comment (<c>see cref</c>) reaches the document as a declaration in C#.</summary>
    [Fact]
    public async Task No_description_shows_a_declaration_in_CSharp()
    {
        using var document = JsonDocument.Parse(await Document());
        var descriptions = Descriptions(document.RootElement).ToList();

        Assert.True(descriptions.Count > 100, $"Only {descriptions.Count} descriptions were found.");
        Assert.All(descriptions, text => Assert.DoesNotMatch(@"\b[A-Z]\w*\.[A-Z]\w", text));
    }

    [Fact]
    public async Task The_page_answers_and_loads_nothing_from_elsewhere()
    {
        var front = await CarawayFixture.Send(caraway.Stranger, HttpMethod.Get, "/docs", null);
        var page = await CarawayFixture.Send(caraway.Stranger, HttpMethod.Get, "/docs/index.html", null);

        Assert.Contains(front.Status, new[] { 200, 301, 302 });
        Assert.Equal(200, page.Status);
        Assert.Contains("Caraway API", page.Body, StringComparison.Ordinal);
        Assert.DoesNotMatch("(src|href)=\"(https?:)?//", page.Body);
        Assert.DoesNotMatch("<script(?![^>]*src=)", page.Body);
    }

    private async Task<string> Document()
    {
        var answer = await CarawayFixture.Send(caraway.Stranger, HttpMethod.Get, "/openapi.json", null);
        Assert.Equal(200, answer.Status);
        return answer.Body;
    }

    /// <summary>Every text of a member <c>description</c> at any depth.</summary>
    private static IEnumerable<string> Descriptions(JsonElement element) => element.ValueKind switch
    {
        JsonValueKind.Array => element.EnumerateArray().SelectMany(Descriptions),
        JsonValueKind.Object => element.EnumerateObject().SelectMany(
            member => member is { Name: "description", Value.ValueKind: JsonValueKind.String }
                ? [member.Value.GetString()!]
                : Descriptions(member.Value)),
        _ => [],
    };

    private static string Description(JsonElement operation) =>
        operation.TryGetProperty("description", out var description) ? description.GetString()! : "";

    /// <summary>The names of an operation's security schemes in order; an empty one is a request without a credential.</summary>
    private static string Schemes(JsonElement operation) => operation.TryGetProperty("security", out var security)
        ? string.Join(
            ", ",
            security.EnumerateArray().Select(requirement => requirement.EnumerateObject().Select(scheme => scheme.Name).FirstOrDefault("")))
        : "";

    /// <summary>The members of the shape that a body's JSON has.</summary>
    private static IEnumerable<string> Members(JsonDocument document, JsonElement body)
    {
        var shape = body.GetProperty("content").GetProperty("application/json").GetProperty("schema");
        if (shape.TryGetProperty("$ref", out var reference))
            shape = document.RootElement.GetProperty("components")
                .GetProperty("schemas")
                .GetProperty(reference.GetString()!.Split('/')[^1]);

        return shape.GetProperty("properties").EnumerateObject().Select(member => member.Name);
    }

    private static IEnumerable<(string Method, string Path, JsonElement Body)> Operations(JsonDocument document) =>
        from path in document.RootElement.GetProperty("paths").EnumerateObject()
        from operation in path.Value.EnumerateObject()
        select (operation.Name.ToUpperInvariant(), path.Name, operation.Value);
}
