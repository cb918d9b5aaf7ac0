using System.Net;
using System.Net.Http.Headers;

namespace FedSpine.Engine.Hub;

/// <summary>What the server said first, before it sent us on to where the file lies.</summary>
/// <param name="ETag">Of a large file its SHA-256, of a small one its git object id, without quotes.</param>
internal sealed record HubAnswer(HttpResponseMessage Message, string? ETag, long? Size, string? Commit) : IDisposable
{
    public void Dispose() => Message.Dispose();
}

/// <summary>Something that another try may mend: a cut connection, a server that is busy.</summary>
internal sealed class HubTrouble(string what, TimeSpan? wait = null, Exception? inner = null) : Exception(what, inner)
{
    /// <summary>What the server asked us to wait.</summary>
    public TimeSpan? Wait { get; } = wait;
}

/// <summary>Requests to the Hub: redirects followed by hand, so that the token goes to the endpoint's host and nowhere else.</summary>
internal sealed class HubClient : IDisposable
{
    private const int MaxRedirects = 10;

    private static readonly TimeSpan LongestWait = TimeSpan.FromMinutes(1);

    private readonly HubOptions _options;
    private readonly HttpClient _http;

    public HubClient(HubOptions options)
    {
        _options = options;
        _http = new HttpClient(new SocketsHttpHandler
        {
            AllowAutoRedirect = false,
            UseCookies = false,
            UseProxy = !options.Endpoint.IsLoopback,
            ConnectTimeout = TimeSpan.FromSeconds(15),
        })
        {
            Timeout = Timeout.InfiniteTimeSpan, // a large file takes as long as it takes; silence is bounded read by read
        };
        _http.DefaultRequestHeaders.UserAgent.Add(new ProductInfoHeaderValue("fedspine", "0.1"));
    }

    /// <summary>Everything below the endpoint, which may itself have a path.</summary>
    public Uri Address(string path) => new($"{_options.Endpoint.AbsoluteUri.TrimEnd('/')}/{path}");

    /// <param name="what">What is asked for, as errors name it.</param>
    /// <param name="from">First byte wanted.</param>
    /// <param name="unchanged">Resume only if the file still has this tag.</param>
    /// <exception cref="HubTrouble">Worth another try.</exception>
    /// <exception cref="InputException">There is no such thing, or it is not for us.</exception>
    public async Task<HubAnswer> GetAsync(Uri address, string what, long from, EntityTagHeaderValue? unchanged, CancellationToken cancel)
    {
        string? tag = null, commit = null;
        long? size = null;
        for (int hop = 0; hop <= MaxRedirects; hop++)
        {
            var message = await SendAsync(address, from, unchanged, cancel).ConfigureAwait(false);
            bool own = IsOwn(address);
            if (own)
            {
                commit ??= Header(message, "X-Repo-Commit");
                tag ??= Header(message, "X-Linked-Etag");
                size ??= long.TryParse(Header(message, "X-Linked-Size"), out long linked) && linked >= 0 ? linked : null;
            }

            if ((int)message.StatusCode is 301 or 302 or 303 or 307 or 308)
            {
                var next = message.Headers.Location is { } location ? new Uri(address, location) : throw new FedSpineException($"{what}: {address.Host} redirects to nowhere");
                message.Dispose();
                if (next.Scheme != Uri.UriSchemeHttps && next.Scheme != address.Scheme)
                    throw new FedSpineException($"{what}: {address.Host} redirects to {next.Scheme}, which is not as safe");
                address = next;
                continue;
            }

            if (message.StatusCode is HttpStatusCode.OK or HttpStatusCode.PartialContent or HttpStatusCode.RequestedRangeNotSatisfiable)
                return new HubAnswer(message, Bare(tag ?? (own ? Header(message, "ETag") : null)), size, commit);
            using (message)
                throw Failure(message, what, address);
        }

        throw new FedSpineException($"{what}: more than {MaxRedirects} redirects");
    }

    /// <summary>Repeats <paramref name="work"/> while it meets trouble, with growing waits.</summary>
    /// <param name="progress">A number that grows when a try got further; then the tries count anew.</param>
    public async Task<T> RetryAsync<T>(string what, Func<Task<T>> work, Func<long> progress, Action<string> note, CancellationToken cancel)
    {
        long best = progress();
        for (int attempt = 1; ; attempt++)
        {
            try
            {
                return await work().ConfigureAwait(false);
            }
            catch (HubTrouble trouble)
            {
                if (progress() > best)
                    (best, attempt) = (progress(), 1);
                if (attempt >= _options.Attempts)
                    throw new FedSpineException($"{what}: {trouble.Message} ({attempt} tries)", trouble);
                var wait = trouble.Wait ?? _options.FirstWait * (1 << Math.Min(attempt - 1, 10));
                wait = wait > LongestWait ? LongestWait : wait;
                note($"{what}: {trouble.Message}; trying again{(wait.TotalSeconds < 1 ? "" : $" in {wait.TotalSeconds:0} s")}");
                await Task.Delay(wait, cancel).ConfigureAwait(false);
            }
        }
    }

    /// <summary>Reads with an end to silence.</summary>
    public async Task<int> ReadAsync(Stream body, Memory<byte> buffer, CancellationToken cancel)
    {
        using var stall = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        stall.CancelAfter(_options.Stall);
        try
        {
            return await body.ReadAsync(buffer, stall.Token).ConfigureAwait(false);
        }
        catch (Exception e) when (IsTrouble(e, cancel))
        {
            throw new HubTrouble(e is OperationCanceledException ? $"nothing came for {_options.Stall.TotalSeconds:0} s" : "the connection was cut", null, e);
        }
    }

    public void Dispose() => _http.Dispose();

    private async Task<HttpResponseMessage> SendAsync(Uri address, long from, EntityTagHeaderValue? unchanged, CancellationToken cancel)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, address);
        if (_options.Token is not null && IsOwn(address) && !request.Headers.TryAddWithoutValidation("Authorization", $"Bearer {_options.Token}"))
            throw new InputException("HF_TOKEN holds characters that no token has");
        if (from > 0)
        {
            request.Headers.Range = new RangeHeaderValue(from, null);
            request.Headers.IfRange = unchanged is { IsWeak: false } ? new RangeConditionHeaderValue(unchanged) : null;
        }

        using var stall = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        stall.CancelAfter(_options.Stall);
        try
        {
            return await _http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, stall.Token).ConfigureAwait(false);
        }
        catch (Exception e) when (IsTrouble(e, cancel))
        {
            throw new HubTrouble($"{address.Host} cannot be reached ({Reason(e)})", null, e);
        }
    }

    private bool IsOwn(Uri address) => address.Scheme == _options.Endpoint.Scheme && address.Authority.Equals(_options.Endpoint.Authority, StringComparison.OrdinalIgnoreCase);

    private Exception Failure(HttpResponseMessage message, string what, Uri address)
    {
        int status = (int)message.StatusCode;
        string? code = Header(message, "X-Error-Code");
        if (status is 408 or 429 || status >= 500)
            return new HubTrouble($"{address.Host} answers {status}", message.Headers.RetryAfter?.Delta);
        return new InputException((status, code) switch
        {
            (_, "RevisionNotFound") => $"{what}: no such revision",
            (_, "EntryNotFound") => $"{what}: no such file",
            (_, "GatedRepo") => $"{what}: the repository is gated: accept its terms on its page, and set HF_TOKEN to a token that may read it",
            (401 or 404, _) => _options.Token is null
                ? $"{what}: no such repository or revision, or it is private: then set HF_TOKEN to a token that may read it"
                : $"{what}: no such repository or revision, or HF_TOKEN may not read it",
            (403, _) => $"{what}: access is denied{(_options.Token is null ? ": set HF_TOKEN to a token that may read it" : ": HF_TOKEN may not read it")}",
            _ => $"{what}: {address.Host} answers {status}",
        });
    }

    private static bool IsTrouble(Exception e, CancellationToken cancel) => e is HttpRequestException or IOException || (e is OperationCanceledException && !cancel.IsCancellationRequested);

    private static string Reason(Exception e)
    {
        if (e is OperationCanceledException)
            return "no answer";
        while (e.InnerException is { } inner)
            e = inner;
        return e.Message.ReplaceLineEndings(" ");
    }

    private static string? Header(HttpResponseMessage message, string name) => message.Headers.TryGetValues(name, out var values) ? values.First() : null;

    private static string? Bare(string? tag)
    {
        if (tag is null)
            return null;
        tag = tag.StartsWith("W/", StringComparison.Ordinal) ? tag[2..] : tag;
        return tag.Trim('"');
    }
}
