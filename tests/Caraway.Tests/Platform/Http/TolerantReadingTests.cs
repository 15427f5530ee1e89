using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization;
using Caraway.Platform.Http;
using Caraway.Tests.Identity;
using Caraway.Tests.Infrastructure;

namespace Caraway.Tests.Platform.Http;

/// <summary>Times and ids are read in every form of the earlier APIs that loses nothing.</summary>
public sealed class TolerantReadingTests(CarawayFixture caraway) : IClassFixture<CarawayFixture>
{
    private const string NoTime = "This must be a time such as 2026-01-31T08:15:30Z.";
    private const string NoId = "This must be a whole number of at most 64 bits.";

    private static readonly JsonSerializerOptions Options = MakeOptions();

    [Theory]
    [InlineData("2026-01-31T08:15:30Z", "2026-01-31T08:15:30.0000000Z")]
    [InlineData("2026-01-31t08:15:30z", "2026-01-31T08:15:30.0000000Z")]
    [InlineData("2026-01-31 08:15:30", "2026-01-31T08:15:30.0000000Z")]
    [InlineData("2026-01-31 08:15:30.123456", "2026-01-31T08:15:30.1234560Z")]
    [InlineData("2026-01-31 08:15:30.123456+02:00", "2026-01-31T06:15:30.1234560Z")]
    [InlineData("2026-01-31T08:15:30+0200", "2026-01-31T06:15:30.0000000Z")]
    [InlineData("2026-01-31T08:15:30-0530", "2026-01-31T13:45:30.0000000Z")]
    [InlineData("2026-01-31T08:15:30+02", "2026-01-31T06:15:30.0000000Z")]
    [InlineData("2026-01-31 08:15:30-08", "2026-01-31T16:15:30.0000000Z")]
    [InlineData("2026-01-31T08:15", "2026-01-31T08:15:00.0000000Z")]
    [InlineData("2026-01-31 08:15+0200", "2026-01-31T06:15:00.0000000Z")]
    [InlineData("2026-01-31", "2026-01-31T00:00:00.0000000Z")]
    [InlineData("2026-01-31 08:15:30.1234569999999999 +0200", null)]
    [InlineData("2026-01-31 08:15:30.1234569999999999+0200", "2026-01-31T06:15:30.1234560Z")]
    [InlineData("2024-02-29 23:59:59.9999999", "2024-02-29T23:59:59.9999990Z")]
    [InlineData("2026-02-29 08:15:30", null)]
    [InlineData("2026-01-31 24:00:00", null)]
    [InlineData("2026-01-31 08:60:30", null)]
    [InlineData("2026-01-31 08:15:30+2", null)]
    [InlineData("2026-01-31 08:15:30+02000", null)]
    [InlineData("2026-01-31 08:15:30+1500", null)]
    [InlineData("2026-01-31 08:15:30 UTC", null)]
    [InlineData("2026-01-31  08:15:30", null)]
    [InlineData(" 2026-01-31 08:15:30", null)]
    [InlineData("2026-01-31 08:15:30 ", null)]
    [InlineData("2026-01-31 08:15:30\n", null)]
    [InlineData("2026-01-31 08:15:30\0", null)]
    [InlineData("2026-01-31_08:15:30", null)]
    [InlineData("31.01.2026 08:15", null)]
    [InlineData("1769847330", null)]
    [InlineData("1769847330.5", null)]
    [InlineData("9999-12-31 23:59:59-1400", null)]
    [InlineData("0001-01-01 00:00:00+1400", null)]
    [InlineData("", null)]
    public void A_time_is_read_without_loss_or_refused(string text, string? utc)
    {
        var json = CarawayFixture.Quote(text);
        if (utc is null)
            Assert.Equal(NoTime, Assert.Throws<BodyValueException>(() => Read<DateTime>(json)).Message);
        else
            Assert.Equal(utc, Read<DateTime>(json).ToString("O", CultureInfo.InvariantCulture));
    }

    [Theory]
    [InlineData("1769847330")]
    [InlineData("1769847330.5")]
    [InlineData("true")]
    [InlineData("{}")]
    public void A_number_is_not_a_time(string json) => Assert.Throws<BodyValueException>(() => Read<DateTime>(json));

    [Theory]
    [InlineData("42", 42L)]
    [InlineData("\"42\"", 42L)]
    [InlineData("\"007\"", 7L)]
    [InlineData("\"0\"", 0L)]
    [InlineData("\"-1\"", -1L)]
    [InlineData("\"\\u0034\u0032\"", 42L)]
    [InlineData("\"9223372036854775807\"", long.MaxValue)]
    [InlineData("\"-9223372036854775808\"", long.MinValue)]
    [InlineData("\"9223372036854775808\"", null)]
    [InlineData("9223372036854775808", null)]
    [InlineData("\"3.0\"", null)]
    [InlineData("3.0", null)]
    [InlineData("\"3e0\"", null)]
    [InlineData("\"0x3\"", null)]
    [InlineData("\"+3\"", null)]
    [InlineData("\" 3\"", null)]
    [InlineData("\"3 \"", null)]
    [InlineData("\"3\\u0000\"", null)]
    [InlineData("\"3,000\"", null)]
    [InlineData("\"٣\"", null)]
    [InlineData("\"-\"", null)]
    [InlineData("\"\"", null)]
    [InlineData("true", null)]
    [InlineData("[3]", null)]
    public void An_id_is_a_whole_decimal_number_or_refused(string json, long? id)
    {
        if (id is null)
            Assert.Equal(NoId, Assert.Throws<BodyValueException>(() => Read<long>(json)).Message);
        else
            Assert.Equal(id, Read<long>(json));
    }

    [Fact]
    public void Ids_are_written_as_numbers() => Assert.Equal("42", JsonSerializer.Serialize(42L, Info<long>()));

    [Theory]
    [InlineData("2026-01-31T08:15:30Z", "2026-01-31T08:15:30.0000000Z")]
    [InlineData("2026-01-31 08:15:30+0200", "2026-01-31T06:15:30.0000000Z")]
    [InlineData("2026-01-31T08:15:30 02:00", "2026-01-31T06:15:30.0000000Z")]
    [InlineData("2026-01-31 08:15:30 0200", "2026-01-31T06:15:30.0000000Z")]
    [InlineData("2026-01-31 08:15 02", "2026-01-31T06:15:00.0000000Z")]
    [InlineData("2026-01-31 08:15", "2026-01-31T08:15:00.0000000Z")]
    [InlineData("2026-01-31", "2026-01-31T00:00:00.0000000Z")]
    [InlineData("0001-01-01", "1900-01-01T00:00:00.0000000Z")]
    [InlineData("9999-12-31", "9000-01-01T00:00:00.0000000Z")]
    public void A_query_value_is_read_in_the_same_forms(string text, string utc)
    {
        Assert.True(QueryTime.TryRead(text, out var time));
        Assert.Equal(utc, time!.Value.ToString("O", CultureInfo.InvariantCulture));
    }

    [Theory]
    [InlineData("1769847330")]
    [InlineData("2026-01-31 08:15:30 2")]
    [InlineData("2026-02-30")]
    [InlineData("2026-01-31\n")]
    [InlineData("2026-01-31 ")]
    public void A_query_value_that_is_not_a_time_is_refused(string text) => Assert.False(QueryTime.TryRead(text, out _));

    [Fact]
    public async Task Bodies_of_every_module_take_ids_as_strings_and_times_with_a_blank()
    {
        var (patient, doctor, staff) = (await caraway.Person(), await caraway.Person("doctor"), await caraway.Person("caseworker"));

        var intake = await caraway.Post("/intakes", $$"""{"full_name":"Ada","narrative":"x","patient_id":"{{patient.UserId}}"}""");
        var booking = await caraway.As(
            patient, HttpMethod.Post, "/api/v1/appointments",
            $$"""
            {"patient_id":"{{patient.UserId}}","doctor_id":"{{doctor.UserId}}","reason":"x",
             "scheduled_time":"{{DateTime.UtcNow.AddDays(9):yyyy-MM-dd}} 14:00:00+0200"}
            """);
        var result = await caraway.As(
            staff, HttpMethod.Post, "/api/v1/lab-results",
            $$"""{"patient_id":"{{patient.UserId}}","test_name":"x","recorded_at":"2026-01-31 08:15:30.123456+02","result_data":{} }""");

        Assert.Equal((201, 201, 201), (intake.Status, booking.Status, result.Status));
        Assert.Equal(patient.UserId, booking.Json.GetProperty("patient_id").GetInt64());
        Assert.EndsWith("T12:00:00.000000Z", booking.Json.GetProperty("scheduled_time").GetString(), StringComparison.Ordinal);
        Assert.Equal("2026-01-31T06:15:30.123456Z", result.Json.GetProperty("recorded_at").GetString());
    }

    [Theory]
    [InlineData("\"1.0\"", "\"2099-01-01 08:00\"", "#/patient_id", NoId)]
    [InlineData("\"9223372036854775808\"", "\"2099-01-01 08:00\"", "#/patient_id", NoId)]
    [InlineData("1", "4070937600", "#/scheduled_time", NoTime)]
    [InlineData("1", "\"4070937600\"", "#/scheduled_time", NoTime)]
    public async Task A_bad_value_is_422_with_a_sentence(string patient, string time, string pointer, string sentence)
    {
        var staff = await caraway.Person("caseworker");

        var answer = await caraway.As(
            staff, HttpMethod.Post, "/api/v1/appointments", $$"""{"patient_id":{{patient}},"scheduled_time":{{time}},"reason":"x"}""");

        answer.IsProblem(422, "invalid");
        Assert.Equal([pointer], answer.Pointers);
        Assert.Equal(sentence, answer.Detail);
    }

    private static T Read<T>(string json) => JsonSerializer.Deserialize(json, Info<T>())!;

    private static System.Text.Json.Serialization.Metadata.JsonTypeInfo<T> Info<T>() =>
        (System.Text.Json.Serialization.Metadata.JsonTypeInfo<T>)Options.GetTypeInfo(typeof(T));

    private static JsonSerializerOptions MakeOptions()
    {
        var options = new JsonSerializerOptions();
        JsonRules.Apply(options, TolerantJson.Default);
        return options;
    }
}

[JsonSerializable(typeof(DateTime))]
[JsonSerializable(typeof(long))]
internal sealed partial class TolerantJson : JsonSerializerContext;
