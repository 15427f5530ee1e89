using System.Buffers;
using System.Text.Json;

namespace Caraway.Bench;

/// <summary>A JSON answer, written into memory and sent with its length.</summary>
internal sealed class JsonBody : IDisposable
{
    private readonly ArrayBufferWriter<byte> bytes = new(2048);

    public JsonBody() => Json = new Utf8JsonWriter(bytes);

    public Utf8JsonWriter Json { get; }

    public async Task Send(HttpContext http)
    {
        await Json.FlushAsync();
        http.Response.ContentType = "application/json";
        http.Response.ContentLength = bytes.WrittenCount;
        await http.Response.Body.WriteAsync(bytes.WrittenMemory);
    }

    public void Dispose() => Json.Dispose();
}
