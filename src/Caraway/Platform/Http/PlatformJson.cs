using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;

namespace Caraway.Platform.Http;

/// <summary>The platform's own JSON shapes.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower)]
[JsonSerializable(typeof(Problem))]
[JsonSerializable(typeof(RowId))]
[JsonSerializable(typeof(Health.Answer))]
[JsonSerializable(typeof(Health.Greeting))]
[JsonSerializable(typeof(Workflows.WorkflowEndpoints.WorkflowList))]
[JsonSerializable(typeof(string[]))]
[JsonSerializable(typeof(Audit.ListAuditLogs.Response), TypeInfoPropertyName = "ListAuditLogsResponse")]
[JsonSerializable(typeof(Audit.AccessPage))]
[JsonSerializable(typeof(Audit.Checkpoint))]
[JsonSerializable(typeof(Events.Timeline))]
internal sealed partial class PlatformJson : JsonSerializerContext;

/// <summary>How all JSON of the API is read and written: snake_case, exact types, UTC microseconds, no text that the database cannot hold.</summary>
internal static class JsonRules
{
    public static void Apply(JsonSerializerOptions options, params ReadOnlySpan<IJsonTypeInfoResolver> modules)
    {
        options.PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower;
        options.PropertyNameCaseInsensitive = false;
        options.NumberHandling = JsonNumberHandling.Strict;
        options.MaxDepth = 64;
        options.Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping;
        options.Converters.Add(new UtcTimeConverter());
        options.Converters.Add(new TextConverter());
        options.TypeInfoResolverChain.Clear();
        options.TypeInfoResolverChain.Add(PlatformJson.Default);
        foreach (var module in modules)
            options.TypeInfoResolverChain.Add(module);
    }
}

/// <summary>Times as <c>2026-01-31T08:15:30.123456Z</c>. Read with any offset, converted to UTC; without one, it is UTC.</summary>
internal sealed class UtcTimeConverter : JsonConverter<DateTime>
{
    /// <summary>Of the round-trip format, which has a seventh digit of the second.</summary>
    private const int RoundTripLength = 28;

    public override DateTime Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options)
    {
        if (reader.TokenType == JsonTokenType.String && reader.TryGetDateTimeOffset(out var time))
        {
            // A time without an offset was read as local; the program's culture and zone must not matter.
            var utc = reader.TryGetDateTime(out var plain) && plain.Kind == DateTimeKind.Unspecified ? DateTime.SpecifyKind(plain, DateTimeKind.Utc) : time.UtcDateTime;
            return new DateTime(utc.Ticks - utc.Ticks % TimeSpan.TicksPerMicrosecond, DateTimeKind.Utc);
        }

        throw new BodyValueException("This must be a time such as 2026-01-31T08:15:30Z.");
    }

    public override void Write(Utf8JsonWriter writer, DateTime value, JsonSerializerOptions options)
    {
        Span<byte> text = stackalloc byte[RoundTripLength];
        (value.Kind == DateTimeKind.Local ? value.ToUniversalTime() : value).TryFormat(text, out _, "O", CultureInfo.InvariantCulture);
        text[^2] = (byte)'Z';
        writer.WriteStringValue(text[..^1]);
    }
}

/// <summary>Text as PostgreSQL can hold it: no U+0000, no half of a surrogate pair.</summary>
internal sealed class TextConverter : JsonConverter<string>
{
    public override string? Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options)
    {
        if (reader.TokenType != JsonTokenType.String)
            throw new BodyValueException("This must be text.");
        string text;
        try
        {
            text = reader.GetString()!;
        }
        catch (InvalidOperationException e) when (e.InnerException is DecoderFallbackException)
        {
            throw new JsonException("The body is not UTF-8.", e.InnerException);
        }
        catch (InvalidOperationException)
        {
            throw new BodyValueException("This has half of a surrogate pair, which is no character.");
        }

        return text.Contains('\0', StringComparison.Ordinal) ? throw new BodyValueException("This has the character U+0000, which cannot be kept.") : text;
    }

    public override void Write(Utf8JsonWriter writer, string value, JsonSerializerOptions options) => writer.WriteStringValue(value);

    public override string ReadAsPropertyName(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) => reader.GetString()!;

    public override void WriteAsPropertyName(Utf8JsonWriter writer, string value, JsonSerializerOptions options) => writer.WritePropertyName(value);
}
