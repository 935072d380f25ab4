// What every client does, in Kotlin. A step prints its name when it has passed.

import com.fasterxml.jackson.annotation.JsonInclude
import com.fasterxml.jackson.databind.DeserializationFeature
import com.fasterxml.jackson.databind.ObjectMapper
import com.fasterxml.jackson.databind.SerializationFeature
import com.fasterxml.jackson.datatype.jsr310.JavaTimeModule
import io.ktor.util.reflect.typeInfo
import java.util.UUID
import kotlinx.coroutines.runBlocking
import taskward.apis.TasksApi
import taskward.infrastructure.HttpResponse
import taskward.models.*

// Leave out what is null, ignore what is unknown, and write instants as text.
val json: ObjectMapper.() -> Unit = {
    registerModule(JavaTimeModule())
    disable(SerializationFeature.WRITE_DATES_AS_TIMESTAMPS)
    disable(DeserializationFeature.FAIL_ON_UNKNOWN_PROPERTIES)
    setSerializationInclusion(JsonInclude.Include.NON_NULL)
}

fun connect(token: String) =
    TasksApi(System.getenv("BASE_URL"), jsonBlock = json).apply { setBearerToken(token) }

suspend fun rejected(response: HttpResponse<*>, status: Int, code: ProblemCode): Problem {
    val problem: Problem = response.typedBody(typeInfo<Problem>())
    check(response.status == status && problem.code == code) { problem }
    return problem
}

fun main(): Unit = runBlocking {
    val tasks = connect(System.getenv("TOKEN"))

    val task = tasks.createTask(TaskInput(title = "one", description = "text")).body()
    check(task.title == "one" && task.description == "text" && !task.completed) { task }
    println("create")

    check(tasks.getTask(task.id).body() == task)
    println("read")

    val version = "\"${task.revision}\""
    val renamed = tasks.updateTask(task.id, TaskPatch(title = "two"), ifMatch = version).body()
    check(renamed.title == "two" && renamed.description == "text") { renamed }
    println("patch without")

    // A data class does not tell null from absent, so a patch cannot clear; a replacement can.
    val cleared = tasks.replaceTask(task.id, TaskReplacement(title = "two")).body()
    check(cleared.title == "two" && cleared.description == null) { cleared }
    println("patch to null")

    val late = tasks.updateTask(task.id, TaskPatch(title = "late"), ifMatch = version)
    rejected(late, 412, ProblemCode.precondition_failed)
    println("412")

    val blank = tasks.createTask(TaskInput(title = " "))
    val fault = rejected(blank, 422, ProblemCode.invalid_request).errors!!.first()
    check(fault.pointer == "/title" && fault.detail == "is blank") { fault }
    println("422")

    rejected(connect("none").getTask(task.id), 401, ProblemCode.invalid_token)
    println("401")

    val unknown = UUID.fromString("00000000-0000-4000-8000-000000000000")
    rejected(tasks.getTask(unknown), 404, ProblemCode.task_not_found)
    println("404")

    val other = tasks.createTask(TaskInput(title = "other")).body()
    val operations = listOf(
        CreateOperation(CreateOperation.Op.create, TaskInput(title = "three")),
        UpdateOperation(
            UpdateOperation.Op.update, task.id, TaskPatch(description = "new"), cleared.revision),
        DeleteOperation(DeleteOperation.Op.delete, other.id),
    )
    val results = tasks.batchTasks(TaskBatch(operations)).body().results
    check(results[0].task?.title == "three" && results[1].task?.description == "new") { results }
    check(results[2].task == null) { results }
    println("batch")

    check(tasks.completeTask(task.id).body().completed)
    println("complete")

    val gone = tasks.createTask(TaskInput(title = "gone")).body()
    check(tasks.deleteTask(gone.id).status == 204)
    rejected(tasks.getTask(gone.id), 404, ProblemCode.task_not_found)
    println("delete")

    tasks.createTask(TaskInput(title = "four"))
    val titles = mutableListOf<String>()
    var cursor: String? = null
    do {
        val page = tasks.listTasks(limit = 2, cursor = cursor).body()
        titles += page.items.map { it.title }
        cursor = page.nextCursor
    } while (cursor != null)
    check(titles == listOf("four", "three", "two")) { titles }
    println("pages")
    kotlin.system.exitProcess(0) // the HTTP client's threads would live for a while
}
