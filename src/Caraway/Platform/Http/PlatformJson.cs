using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;

namespace Caraway.Platform.Http;

/// <summary>The JSON shapes that every part of the API shares.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower)]
[JsonSerializable(typeof(Problem))]
[JsonSerializable(typeof(RowId))]
[JsonSerializable(typeof(Health.Answer))]
[JsonSerializable(typeof(Health.Greeting))]
[JsonSerializable(typeof(string[]))]
[JsonSerializable(typeof(long))]
internal sealed partial class PlatformJson : JsonSerializerContext;

/// <summary>The rules of all JSON of the API: snake_case, exact types, UTC microseconds, only text that the database can hold.</summary>
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
        options.Converters.Add(new IdConverter());
        options.TypeInfoResolverChain.Clear();
        options.TypeInfoResolverChain.Add(PlatformJson.Default);
        foreach (var module in modules)
            options.TypeInfoResolverChain.Add(module);
    }
}

/// <summary>
/// Times as <c>2026-01-31T08:15:30.123456Z</c>. Reads every form of <see cref="TimeText"/>; digits beyond the microsecond are cut off.
/// </summary>
internal sealed class UtcTimeConverter : JsonConverter<DateTime>
{
    /// <summary>Length of the round-trip format, which has a seventh digit of the second.</summary>
    private const int RoundTripLength = 28;

    /// <summary>No form of a time is longer.</summary>
    private const int LongestTime = 48;

    public override DateTime Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options)
    {
        if (reader.TokenType == JsonTokenType.String && TryRead(ref reader, out var utc) && TimeText.IsGiven(utc))
            return new DateTime(utc.Ticks - utc.Ticks % TimeSpan.TicksPerMicrosecond, DateTimeKind.Utc);
        throw new BodyValueException("This must be a time such as 2026-01-31T08:15:30Z.");
    }

    public override void Write(Utf8JsonWriter writer, DateTime value, JsonSerializerOptions options)
    {
        Span<byte> text = stackalloc byte[RoundTripLength];
        (value.Kind == DateTimeKind.Local ? value.ToUniversalTime() : value).TryFormat(text, out _, "O", CultureInfo.InvariantCulture);
        text[^2] = (byte)'Z';
        writer.WriteStringValue(text[..^1]);
    }

    private static bool TryRead(ref Utf8JsonReader reader, out DateTime utc)
    {
        if (reader.TryGetDateTimeOffset(out var time))
        {
            // A time without an offset was read as local; the program's culture and zone must not matter.
            var hasOffset = !(reader.TryGetDateTime(out var plain) && plain.Kind == DateTimeKind.Unspecified);
            utc = hasOffset ? time.UtcDateTime : plain;
            return true;
        }

        utc = default;
        return reader.ValueSpan.Length <= LongestTime && TimeText.TryParse(TextConverter.ReadText(ref reader), out utc);
    }
}

/// <summary>
/// 64-bit numbers, which are ids in every body. Clients of the earlier APIs also send them as strings, so decimal digits in quotes are read
/// too; a fraction, an exponent, blanks or more than 64 bits are refused.
/// </summary>
internal sealed class IdConverter : JsonConverter<long>
{
    public override long Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options)
    {
        if (reader.TokenType == JsonTokenType.Number && reader.TryGetInt64(out var number))
            return number;
        if (reader.TokenType == JsonTokenType.String && TryRead(TextConverter.ReadText(ref reader), out var id))
            return id;
        throw new BodyValueException("This must be a whole number of at most 64 bits.");
    }

    public override void Write(Utf8JsonWriter writer, long value, JsonSerializerOptions options) => writer.WriteNumberValue(value);

    private static bool TryRead(string text, out long id)
    {
        id = 0;
        return !text.AsSpan(text.StartsWith('-') ? 1 : 0).ContainsAnyExceptInRange('0', '9')
            && long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out id);
    }
}

/// <summary>Text that PostgreSQL can hold: without U+0000 and without half of a surrogate pair.</summary>
internal sealed class TextConverter : JsonConverter<string>
{
    public override string? Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options)
    {
        if (reader.TokenType != JsonTokenType.String)
            throw new BodyValueException("This must be text.");
        var text = ReadText(ref reader);
        if (text.Contains('\0', StringComparison.Ordinal))
            throw new BodyValueException("This has the character U+0000, which cannot be kept.");
        return text;
    }

    public override void Write(Utf8JsonWriter writer, string value, JsonSerializerOptions options) => writer.WriteStringValue(value);

    public override string ReadAsPropertyName(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) =>
        reader.GetString()!;

    public override void WriteAsPropertyName(Utf8JsonWriter writer, string value, JsonSerializerOptions options) =>
        writer.WritePropertyName(value);

    /// <exception cref="JsonException">The bytes are not UTF-8, or an escape is half of a surrogate pair.</exception>
    internal static string ReadText(ref Utf8JsonReader reader)
    {
        try
        {
            return reader.GetString()!;
        }
        catch (InvalidOperationException e) when (e.InnerException is DecoderFallbackException)
        {
            throw new JsonException("The body is not UTF-8.", e.InnerException);
        }
        catch (InvalidOperationException)
        {
            throw new BodyValueException("This has half of a surrogate pair, which is no character.");
        }
    }
}
