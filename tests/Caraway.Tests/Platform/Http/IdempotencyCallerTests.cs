using Caraway.Platform.Http;
using Caraway.Platform.Security;
using Caraway.Tests.Infrastructure;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;

namespace Caraway.Tests.Platform.Http;

/// <summary>The filter alone, for callers that no present credential gives.</summary>
public sealed class IdempotencyCallerTests(CarawayFixture caraway) : IClassFixture<CarawayFixture>
{
    [Fact]
    public async Task Two_callers_keys_are_independent()
    {
        Assert.Equal("first", await Ask("user:1", "same", "first"));
        Assert.Equal("second", await Ask("user:2", "same", "second"));
        Assert.Equal("first", await Ask("user:1", "same", "third"));
    }

    [Fact]
    public async Task A_caller_and_a_key_cannot_be_taken_for_another_caller_and_key()
    {
        Assert.Equal("first", await Ask("user:1", "2-key", "first"));
        Assert.Equal("second", await Ask("user:12", "-key", "second"));
    }

    [Fact]
    public async Task A_request_without_a_caller_stores_nothing()
    {
        Assert.Equal("first", await Ask(null, "open", "first"));
        Assert.Equal("second", await Ask(null, "open", "second"));
    }

    private async Task<string> Ask(string? caller, string key, string answer)
    {
        await using var scope = caraway.Services.CreateAsyncScope();
        var http = new DefaultHttpContext { RequestServices = scope.ServiceProvider };
        (http.Request.Method, http.Request.Path, http.Request.Headers[IdempotencyKey.Header]) = ("POST", "/things", key);
        using var body = new MemoryStream();
        http.Response.Body = body;
        http.Features.Set(new BufferedBody([1, 2, 3]));
        if (caller is not null)
            http.Features.Set(new Caller { Id = caller, Permissions = [], RequestId = "r", Address = null, Action = "POST /things" });

        var filter = new IdempotencyKey(caraway.Services.GetRequiredService<MasterKey>(), TimeProvider.System);
        var result = await filter.InvokeAsync(
            EndpointFilterInvocationContext.Create(http), _ => ValueTask.FromResult<object?>(TypedResults.Text(answer, statusCode: 201)));
        await ((IResult)result!).ExecuteAsync(http);
        await http.Response.BodyWriter.FlushAsync();
        return System.Text.Encoding.UTF8.GetString(body.ToArray());
    }
}
