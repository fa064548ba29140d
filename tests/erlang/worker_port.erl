%% One worker process, owned by a gen_server: any number of callers at once, answers in any order.
-module(worker_port).
-behaviour(gen_server).
-export([start_link/1, call/3, call/4]).
-export([init/1, handle_call/3, handle_cast/2, handle_info/2]).

start_link(Python) ->
    gen_server:start_link(?MODULE, Python, []).

call(Server, Command, Args) ->
    call(Server, Command, Args, 30000).

%% Returns {ok, Result} or {error, Text}. Exits with {worker_ended, Status} when the worker ends first.
call(Server, Command, Args, Timeout) ->
    gen_server:call(Server, {call, Command, Args}, Timeout).

init(Python) ->
    Port = erlang:open_port(
        {spawn_executable, Python},
        [{args, ["-P", "-m", "dspash_worker"]}, {packet, 4}, binary, exit_status, use_stdio]
    ),
    {ok, #{port => Port, last_id => 0, callers => #{}}}.

handle_call({call, Command, Args}, Caller, State = #{port := Port, last_id := LastId, callers := Callers}) ->
    Id = LastId + 1,
    Port ! {self(), {command, jiffy:encode(#{id => Id, command => Command, args => Args})}},
    {noreply, State#{last_id := Id, callers := Callers#{Id => Caller}}}.

handle_cast(_Message, State) ->
    {noreply, State}.

%% A frame that answers no open request matches nothing here: the server crashes, and the worker ends with it.
handle_info({Port, {data, Payload}}, State = #{port := Port, callers := Callers}) ->
    Answer = #{<<"id">> := Id} = jiffy:decode(Payload, [return_maps]),
    {Caller, Others} = maps:take(Id, Callers),
    gen_server:reply(Caller, outcome(Answer)),
    {noreply, State#{callers := Others}};
handle_info({Port, {exit_status, Status}}, State = #{port := Port}) ->
    {stop, {worker_ended, Status}, State}.

outcome(#{<<"result">> := Result}) -> {ok, Result};
outcome(#{<<"error">> := Text}) when is_binary(Text) -> {error, Text}.
