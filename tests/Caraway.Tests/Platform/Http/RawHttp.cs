using System.Globalization;
using System.Net.Sockets;
using System.Text;
using Caraway.Tests.Infrastructure;

namespace Caraway.Tests.Platform.Http;

/// <summary>Sends HTTP/1.1 over a socket, for requests that no client library sends.</summary>
internal static class RawHttp
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    /// <summary>Sends a request line and headers unchanged (as Latin-1, which has every byte) and reads the whole answer.</summary>
    public static Task<Answer> Send(Uri url, string requestLine, params string[] headers) => Send(url, requestLine, headers, []);

    public static async Task<Answer> Send(Uri url, string requestLine, string[] headers, byte[] body)
    {
        using var patience = new CancellationTokenSource(Patience);
        using var client = new TcpClient();
        await client.ConnectAsync(url.Host, url.Port, patience.Token);
        var stream = client.GetStream();
        var head = new StringBuilder(requestLine).Append(" HTTP/1.1\r\nHost: ").Append(url.Authority).Append("\r\nConnection: close\r\n");
        foreach (var header in headers)
            head.Append(header).Append("\r\n");
        byte[] request = [.. Encoding.Latin1.GetBytes(head.Append("\r\n").ToString()), .. body];
        var reading = ReadAll(stream, patience.Token);
        try
        {
            await stream.WriteAsync(request, patience.Token);
        }
        catch (IOException)
        {
            // The server may answer and close before it has read everything.
        }

        return Parse(await reading);
    }

    /// <summary>Sends a JSON body with the API key.</summary>
    public static Task<Answer> SendJson(Uri url, string requestLine, byte[] body, string contentType = "application/json") => Send(
        url,
        requestLine,
        [
            $"X-API-Key: {CarawayFixture.ApiKey}",
            $"Content-Type: {contentType}",
            string.Create(CultureInfo.InvariantCulture, $"Content-Length: {body.Length}"),
        ],
        body);

    private static async Task<byte[]> ReadAll(NetworkStream stream, CancellationToken cancel)
    {
        using var memory = new MemoryStream();
        var buffer = new byte[16 * 1024];
        try
        {
            int count;
            while ((count = await stream.ReadAsync(buffer, cancel)) > 0)
                memory.Write(buffer, 0, count);
        }
        catch (IOException) when (memory.Length > 0)
        {
            // The server resets the connection after its answer when parts of the request are unread.
        }

        return memory.ToArray();
    }

    private static Answer Parse(byte[] bytes)
    {
        var text = Encoding.UTF8.GetString(bytes);
        var end = text.IndexOf("\r\n\r\n", StringComparison.Ordinal);
        Assert.True(end > 0, "The server closed the connection without an answer.");
        var lines = text[..end].Split("\r\n");
        var headers = lines.Skip(1).Select(line => line.Split(": ", 2)).GroupBy(pair => pair[0], StringComparer.OrdinalIgnoreCase)
            .ToDictionary(
                group => group.Key,
                group => string.Join(", ", group.Select(pair => pair.ElementAtOrDefault(1))),
                StringComparer.OrdinalIgnoreCase);
        var body = text[(end + 4)..];
        if (headers.TryGetValue("Transfer-Encoding", out var coding) && coding == "chunked")
            body = Unchunk(body);
        return new Answer(int.Parse(lines[0].Split(' ')[1], CultureInfo.InvariantCulture), body, headers);
    }

    private static string Unchunk(string body)
    {
        // Lengths count bytes; problems and test data are ASCII wherever this is used.
        var whole = new StringBuilder();
        for (var at = 0; ;)
        {
            var line = body.IndexOf("\r\n", at, StringComparison.Ordinal);
            var length = int.Parse(body.AsSpan(at, line - at), NumberStyles.HexNumber, CultureInfo.InvariantCulture);
            if (length == 0)
                return whole.ToString();
            whole.Append(body, line + 2, length);
            at = line + 2 + length + 2;
        }
    }
}
