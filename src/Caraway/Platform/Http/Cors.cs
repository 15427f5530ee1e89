using System.Text.Json;
using Caraway.Platform.Hosting;

namespace Caraway.Platform.Http;

/// <summary>Cross-origin requests (<c>CORS_ORIGINS</c>). Credentials are allowed for named origins only, never with <c>*</c>.</summary>
internal static class Cors
{
    public static void Add(IServiceCollection services, string setting)
    {
        if (Origins(setting) is not { Length: > 0 } origins)
            return;
        services.AddCors(cors => cors.AddDefaultPolicy(policy =>
        {
            policy.AllowAnyHeader().AllowAnyMethod().WithExposedHeaders(
                "ETag", "Location", "Link", "Retry-After", "RateLimit", "RateLimit-Policy", "X-Request-Id", IdempotencyKey.Replayed);
            if (origins.Contains("*", StringComparer.Ordinal))
                policy.AllowAnyOrigin();
            else
                policy.WithOrigins(origins).AllowCredentials();
        }));
    }

    /// <summary>The setting's origins: a comma list, or a JSON list of strings.</summary>
    /// <exception cref="CommandException">The setting begins like a JSON list, and is not a list of strings.</exception>
    internal static string[] Origins(string setting)
    {
        if (!setting.TrimStart().StartsWith('['))
            return setting.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);
        try
        {
            var origins = JsonSerializer.Deserialize(setting, PlatformJson.Default.StringArray)!;
            return Array.TrueForAll(origins, origin => !string.IsNullOrWhiteSpace(origin)) ? origins : throw new JsonException();
        }
        catch (JsonException e)
        {
            throw new CommandException(ExitCode.BadInput, "CORS_ORIGINS must be a comma list or a JSON list of origins.", e);
        }
    }
}
